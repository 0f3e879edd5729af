"""What is wrong with a batch, as far as it can be told before it is sent.

The shapes are the service's own (`api/schemas/`, `workflows/domain/`). Which plans, zones, task services and
parameters there are, the service alone knows.
"""

import functools
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails, PydanticSerializationError, to_json

from api.cli.batchfile.document import Document, Mistake, Steps, path_of
from api.schemas.batch_operations import BatchOperation, BatchOperationRequest
from workflows.domain import dag
from workflows.domain.operations import CreateServersConfig, config_model

_CHECKED_TYPES = frozenset({"server_batch", "taskserv_batch", "cluster_batch"})
"""Those whose configs are described."""


class Verdict(NamedTuple):
    """Mistakes keep a batch from being sent; warnings do not. Both are in the file's order."""

    mistakes: list[Mistake]
    warnings: list[Mistake]


class _Operation(NamedTuple):
    """An operation of the file, whatever else may be wrong with it."""

    steps: Steps
    fields: Mapping[str, JsonValue]

    def text(self, name: str) -> str | None:
        value = self.fields.get(name)
        return value if isinstance(value, str) else None

    @property
    def dependencies(self) -> list[str]:
        """Also those of another shape, in their places."""
        value = self.fields.get("dependencies")
        return [item if isinstance(item, str) else "" for item in value] if isinstance(value, list) else []


def check(document: Document) -> Verdict:
    checker = _Checker(document)
    checker.run()
    return Verdict(sorted(checker.mistakes), sorted(checker.warnings))


class _Checker:
    def __init__(self, document: Document) -> None:
        self._document = document
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []

    def run(self) -> None:
        value = self._document.value
        for steps in self._document.repeated:
            self._wrong(steps, "stands here twice")
        if not isinstance(value, dict):
            self._wrong((), "a batch is an object with name and operations")
            return
        self._check_shape(BatchOperationRequest, value, ())
        self._check_names(BatchOperationRequest, value, ())
        operations = list(_operations(value))
        if value.get("operations") == []:
            self._wrong(("operations",), "a batch needs at least one operation")
        self._check_graph(operations)
        made: dict[str, str] = {}
        for operation in operations:
            self._check_names(BatchOperation, operation.fields, operation.steps)
            self._check_config(operation, made)

    def _check_shape(self, model: type[BaseModel], value: JsonValue, steps: Steps) -> BaseModel | None:
        try:
            # From JSON text, as the service does: there a list may stand for a tuple.
            return model.model_validate_json(to_json(value), strict=True)
        except ValidationError as error:
            for entry in error.errors(include_url=False, include_input=False):
                self._wrong((*steps, *entry["loc"]), _message(entry, model))
        except PydanticSerializationError:
            self._wrong(steps, "a text in it has half a character, which cannot be sent")
        return None

    def _check_names(self, model: type[BaseModel], value: Mapping[str, JsonValue], steps: Steps) -> None:
        """The service lets unknown names pass, and so does nothing with what was misspelt."""
        for name in value:
            if name not in model.model_fields:
                mistake = self._mistake((*steps, name), f"is not known, and ignored{_meant(name, model)}")
                self.warnings.append(mistake)

    def _check_graph(self, operations: list[_Operation]) -> None:
        places: dict[str, Steps] = {}
        for operation in operations:
            name = operation.text("id")
            if name in places:
                self._wrong((*operation.steps, "id"), f"{name} is the id of {path_of(places[name])} already")
            elif name is not None:
                places[name] = operation.steps
        found = len(self.mistakes)
        for operation in operations:
            for number, need in enumerate(operation.dependencies):
                where = (*operation.steps, "dependencies", number)
                if need and need == operation.text("id"):
                    self._wrong(where, f"{need} depends on itself")
                elif need and need not in places:
                    self._wrong(where, f"there is no operation {need}")
        if len(self.mistakes) == found:
            self._check_cycles(operations, places)

    def _check_cycles(self, operations: list[_Operation], places: Mapping[str, Steps]) -> None:
        cycle = dag.cycle(
            [(o.text("id") or "", [need for need in o.dependencies if need]) for o in operations]
        )
        if cycle:
            self._wrong((*places[cycle[0]], "dependencies"), dag.cycle_text(cycle))

    def _check_config(self, operation: _Operation, made: dict[str, str]) -> None:
        kind, steps = operation.text("type"), (*operation.steps, "config")
        config = operation.fields.get("config", {})
        if kind not in _CHECKED_TYPES or not isinstance(config, dict):
            return
        found = self._check_shape(config_model(kind, config), config, steps)
        if isinstance(found, CreateServersConfig):
            self._check_servers(found, steps, made)

    def _check_servers(self, config: CreateServersConfig, steps: Steps, made: dict[str, str]) -> None:
        """No two may make the same server: the second would find the first one's."""
        for number, wanted in enumerate(config.server_configs):
            here = (*steps, "server_configs", number)
            for name in wanted.names():
                key = f"{config.infra}/{name}"
                if key in made:
                    self._wrong((*here, "name"), f"server {key} is made by {made[key]} already")
                    break
                made[key] = path_of(here)

    def _wrong(self, steps: Steps, message: str) -> None:
        self.mistakes.append(self._mistake(steps, message))

    def _mistake(self, steps: Steps, message: str) -> Mistake:
        return Mistake(self._document.place(steps), path_of(steps), message)


def _operations(batch: Mapping[str, JsonValue]) -> Iterator[_Operation]:
    operations = batch.get("operations")
    for number, fields in enumerate(operations if isinstance(operations, list) else ()):
        if isinstance(fields, dict):
            yield _Operation(("operations", number), fields)


def _message(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return f"there is no such field{_meant(str(error['loc'][-1]), model)}"
    if error["type"] == "missing":
        return "is missing"
    return error["msg"]


def _meant(name: str, model: type[BaseModel]) -> str:
    close = get_close_matches(name, _field_names(model), n=1)
    return f"; did you mean {close[0]}?" if close else ""


@functools.cache
def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """The model's fields, and those of all models in it."""
    schema = model.model_json_schema()
    inner = schema.get("$defs", {}).values()
    return frozenset(name for part in (schema, *inner) for name in part.get("properties", {}))
