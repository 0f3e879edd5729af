"""What a Prometheus query asks for, held against what is exposed; as far as one scrape can tell."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import promql_parser
from prometheus_client.parser import text_string_to_metric_families

_INNER = ("expr", "lhs", "rhs", "vector_selector", "args")


class Sample(NamedTuple):
    name: str
    labels: Mapping[str, str]
    value: float


def samples(text: str, **target: str) -> list[Sample]:
    """What a scrape of `target` brings, with the labels that Prometheus adds."""
    return [
        Sample(sample.name, sample.labels | target, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ] + [Sample("up", target, 1.0)]


def problems(query: str, exposed: Iterable[Sample]) -> Iterator[str]:
    """What the query names and nothing has: metrics, values of labels, labels to group by.

    Behind `or vector(0)` no sample need have the values, but all the labels.

    Raises:
        ValueError: it is no query.
    """
    known = list(exposed)
    tree = promql_parser.parse(query)
    for selector in _found(tree, promql_parser.VectorSelector):
        named = [sample for sample in known if sample.name == selector.name]
        fitting = _fitting(selector, named, by_name="or vector(0)" in query)
        if not fitting:
            yield f"{query}: nothing is exposed for {selector}"
    for aggregate in _found(tree, promql_parser.AggregateExpr):
        names = {selector.name for selector in _found(aggregate, promql_parser.VectorSelector)}
        labels = {label for sample in known if sample.name in names for label in sample.labels}
        for label in set(aggregate.modifier.labels if aggregate.modifier else ()) - labels:
            yield f"{query}: none of {sorted(names)} has the label {label}"


def _fitting(selector: Any, named: Iterable[Sample], *, by_name: bool) -> bool:
    matchers = selector.matchers.matchers
    return any(
        all(m.name in sample.labels if by_name else _fits(m, sample) for m in matchers) for sample in named
    )


def _found(node: Any, kind: type) -> Iterator[Any]:
    """All nodes of a kind within `node`."""
    if isinstance(node, kind):
        yield node
    for name in _INNER:
        inner = getattr(node, name, None)
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None:
                yield from _found(one, kind)


def _fits(matcher: Any, sample: Sample) -> bool:
    value = sample.labels.get(matcher.name, "")
    match str(matcher.op).rpartition(".")[2]:
        case "Equal":
            return bool(value == matcher.value)
        case "NotEqual":
            return bool(value != matcher.value)
        case "Re":
            return re.fullmatch(matcher.value, value) is not None
        case _:
            return re.fullmatch(matcher.value, value) is None
