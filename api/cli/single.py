"""Batches of one operation, from what stands on the command line.

The words are those of tasks (`workflows/domain/command_lines.py`): what is made of them does the same.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from api.cli.answers import Fields
from api.cli.batchfile.check import check
from api.cli.batchfile.document import Document
from api.cli.errors import WrongUsage
from workflows.domain.command_lines import parameter_value

_COUNTED = re.compile(r"(.+)-\{1\.\.([0-9]{1,6})\}")
_LONGEST_NAME = 255

_EVERYWHERE = ""
"""In place of a server: on all of them."""


def batch(title: str, kind: str, provider: str, config: Mapping[str, JsonValue]) -> Fields:
    """A batch of that one operation. What is None in the config is left out.

    Raises:
        WrongUsage: it could not be carried out.
    """
    operation: Fields = {
        "id": title.split(maxsplit=1)[0],
        "type": kind,
        "provider": provider,
        "dependencies": [],
        "config": {name: value for name, value in config.items() if value not in (None, [], {})},
    }
    body: Fields = {"name": title[:_LONGEST_NAME], "operations": [operation]}
    mistakes = check(Document(body, {})).mistakes
    if mistakes:
        raise WrongUsage("; ".join(_in_short(mistake.path, mistake.message) for mistake in mistakes))
    return body


def named(words: Sequence[str], common: Mapping[str, JsonValue]) -> list[JsonValue]:
    """Servers by their names, or by `name-{1..3}`; each with what is common to all."""
    found: list[JsonValue] = []
    for word in words:
        match = _COUNTED.fullmatch(word)
        counted: Fields = {"name": match[1], "count": int(match[2])} if match else {"name": word}
        found.append(counted | {name: value for name, value in common.items() if value not in (None, {})})
    return found


def described(option: str, texts: Sequence[str]) -> list[JsonValue]:
    """Servers or clusters that are each described as JSON, with the fields that a batch has for them."""
    return [_object(option, text) for text in texts]


def _object(option: str, text: str) -> JsonValue:
    found = parameter_value(text)
    if not isinstance(found, dict):
        raise WrongUsage(f"{option}: {text!r} is no JSON object")
    return found


def labels(words: Sequence[str]) -> dict[str, JsonValue]:
    return dict(_pair("--label", word) for word in words)


class Taskservs(NamedTuple):
    """As the config of a batch's operation has them."""

    taskservs: list[JsonValue]
    server_params: Fields


def taskservs(names: Sequence[str], parameters: Sequence[str]) -> Taskservs:
    """Task services with their parameters.

    Those are given as `NAME.PARAMETER=VALUE`, and as `SERVER/NAME.PARAMETER=VALUE` for one server alone.
    """
    found: dict[str, dict[str, Fields]] = defaultdict(lambda: defaultdict(dict))
    for word in parameters:
        key, value = _pair("--param", word)
        server, service, parameter = _addressed(key, names)
        found[server][service][parameter] = parameter_value(value)
    everywhere = found.pop(_EVERYWHERE, {})
    items: list[JsonValue] = [
        {"name": name, "params": everywhere[name]} if name in everywhere else name for name in names
    ]
    server_params: Fields = {
        server: {name: params for name, params in services.items()} for server, services in found.items()
    }
    return Taskservs(items, server_params)


def _addressed(key: str, names: Sequence[str]) -> tuple[str, str, str]:
    """Server, task service and parameter; with one task service its name may be left out."""
    address, dot, parameter = key.rpartition(".")
    server, _, service = address.rpartition("/")
    if dot and service in names:
        return server, service, parameter
    if len(names) == 1 and not dot and "/" not in key:
        return _EVERYWHERE, names[0], key
    raise WrongUsage(f"--param {key}: write it like {names[0]}.NAME=VALUE, or SERVER/{names[0]}.NAME=VALUE")


def server_names(text: str | None) -> list[JsonValue] | None:
    """Names with commas between them, each once; those that are counted through one by one."""
    if text is None:
        return None
    return list(dict.fromkeys(name for word in text.split(",") for name in _expanded(word)))


def _expanded(word: str) -> Iterator[str]:
    match = _COUNTED.fullmatch(word)
    if match is None:
        yield word
    else:
        yield from (f"{match[1]}-{number}" for number in range(1, int(match[2]) + 1))


def _pair(option: str, word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign or not name:
        raise WrongUsage(f"{option}: write {word!r} as NAME=VALUE")
    return name, value


def _in_short(path: str, message: str) -> str:
    """Without the way to the one operation, which the person did not write."""
    short = path.removeprefix("operations[0].").removeprefix("config.")
    return f"{short}: {message}"
