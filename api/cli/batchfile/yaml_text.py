"""YAML with the places of its parts.

Plain words mean what YAML 1.2 says, as JSON would have it: `no` and `2026-01-02` are texts.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import JsonValue
from yaml.constructor import ConstructorError
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from api.cli.batchfile.document import MAX_DEPTH, MAX_PARTS, Document, Place, Steps, Unreadable, finite

try:  # In C, which is several times as fast; not every PyYAML was built with it.
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment] # the same to whoever uses it

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"


class _Loader(SafeLoader):
    """Knows the types of JSON, and `<<`."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _name, _pattern, _first in (
    ("null", r"(~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"([-+]?[0-9]+)", list("-+0123456789")),
    ("float", r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)", list("-+.0123456789")),
    ("merge", r"(<<)", ["<"]),
):
    # An int is a float too, and the first that fits is taken.
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"^{_pattern}$"), _first)


def read_yaml(text: str, max_parts: int = MAX_PARTS) -> Document:
    """Raises Unreadable: it is no YAML, or holds what JSON cannot."""
    try:
        node = _Loader(text).get_single_node()
        return _Reader(iter(range(max_parts))).document(node) if node is not None else Document(None, {})
    except MarkedYAMLError as error:
        words = ", ".join(filter(None, (error.context, error.problem)))
        raise Unreadable(
            _place(error.problem_mark or error.context_mark), f"it is no YAML: {words}"
        ) from None
    except yaml.YAMLError as error:
        raise Unreadable(Place(1, 1), f"it is no YAML: {error}") from None


class _Reader:
    """Turns nodes into values. Those that merge into each other count their parts together."""

    def __init__(self, parts: Iterator[int]) -> None:
        self._parts = parts
        self._places: dict[Steps, Place] = {}
        self._repeated: list[Steps] = []

    def document(self, node: Node) -> Document:
        return Document(self._value(node, ()), self._places, self._repeated)

    def _value(self, node: Node, steps: Steps) -> JsonValue:
        if len(steps) > MAX_DEPTH or next(self._parts, None) is None:
            raise ConstructorError(None, None, "too deep, or too much", node.start_mark)
        self._places.setdefault(steps, _place(node.start_mark))
        match node:
            case MappingNode() if node.tag == f"{_TAG}map":
                return self._mapping(node, steps)
            case SequenceNode() if node.tag == f"{_TAG}seq":
                return [self._value(item, (*steps, number)) for number, item in enumerate(node.value)]
            case ScalarNode():
                return _scalar(node)
        raise ConstructorError(None, None, f"{node.tag} is not for batches", node.start_mark)

    def _mapping(self, node: MappingNode, steps: Steps) -> JsonValue:
        found: dict[str, JsonValue] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged.extend(value.value if isinstance(value, SequenceNode) else [value])
                continue
            if not isinstance(key, ScalarNode):
                raise ConstructorError(None, None, "a name must be a text", key.start_mark)
            # Also one that reads like a number: JSON has no other names than texts.
            name = key.value
            if name in found:
                self._repeated.append((*steps, name))
            self._places[*steps, name] = _place(key.start_mark)
            found[name] = self._value(value, (*steps, name))
        for source in merged:
            self._merge(source, found, steps)
        return found

    def _merge(self, source: Node, found: dict[str, JsonValue], steps: Steps) -> None:
        """What the mapping does not say itself; where it is written, mistakes in it are found."""
        if not isinstance(source, MappingNode):
            raise ConstructorError(None, None, "only mappings can be merged", source.start_mark)
        inner = _Reader(self._parts)
        value = inner._mapping(source, steps)
        self._repeated.extend(inner._repeated)
        if isinstance(value, dict):
            added = {name for name in value if name not in found}
            found.update({name: value[name] for name in value if name in added})
            depth = len(steps)
            self._places.update(
                {way: place for way, place in inner._places.items() if way[depth:] and way[depth] in added}
            )


def _scalar(node: ScalarNode) -> JsonValue:
    text = node.value
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return bool(text.lower() == "true")
        case "int" | "float" as kind:
            try:
                return int(text) if kind == "int" else finite(float(text))
            except ValueError as error:
                raise ConstructorError(None, None, str(error), node.start_mark) from None
        case "str":
            return str(text)
    raise ConstructorError(None, None, f"{node.tag} is not for batches", node.start_mark)


def _place(mark: Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
