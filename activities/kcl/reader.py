"""Reading an infra's settings: from a file in KCL to an `InfraSpec`."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json

from activities.infras import Infras
from activities.kcl import limits
from activities.kcl.copying import INFRA, copy_of, remove_abandoned
from activities.kcl.evaluation import evaluate
from activities.kcl.problems import Problem, listing
from workflows.domain.errors import InvalidRequest, Unavailable
from workflows.domain.infras import InfraSpec

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Evaluations at once."""

PATIENCE = 30
"""Seconds that a reader waits for its turn and its result."""

VARIABLE = "infra"
"""The variable of a settings file that says what belongs in the infra."""

_VARIABLES = TypeAdapter(dict[str, JsonValue])


class _Mapping(BaseModel):
    name_index: int
    src_line: int
    src_col: int


class _SourceMap(BaseModel):
    names: list[str] = []
    mappings: list[_Mapping] = []


class KclSettings:
    """Reads settings files, few at a time."""

    def __init__(self, infras: Infras, patience: float = PATIENCE) -> None:
        self._infras = infras
        self._patience = patience
        # Threads of their own: those that everybody shares stay free, whoever waits here.
        self._turns = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="settings")
        remove_abandoned()

    async def load(self, infra: str, settings: str) -> InfraSpec:
        """What an infra's settings file describes.

        Raises:
            InvalidRequest: as `settings: config.k:12:5: ...`, with the file's path in the infra's folder.
            Unavailable: too many others want the same, or no copy can be made.
        """
        # What is wrong with the path need not wait for a turn.
        await asyncio.to_thread(self._infras.settings_file, infra, settings)
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            reading = loop.run_in_executor(self._turns, self._read, infra, settings, stop)
            return await asyncio.wait_for(reading, self._patience)
        except TimeoutError:
            raise Unavailable("settings: too many settings files are being evaluated") from None
        finally:
            # Whoever asked may have gone away.
            stop.set()

    def _read(self, infra: str, settings: str, stop: threading.Event) -> InfraSpec:
        file = str(PurePosixPath(settings))
        if not file.endswith(".k"):
            raise InvalidRequest(f"settings: {settings!r} is not a KCL file, whose name ends with .k")
        deadline = time.monotonic() + limits.DEADLINE
        try:
            with copy_of(self._infras.folder(infra).resolve()) as copy:
                if not (copy / INFRA / file).is_file():
                    raise InvalidRequest(f"settings: infra {infra!r} has no file {settings!r} to be read")
                answer = evaluate(copy, file, deadline, stop)
        except OSError as error:
            log.warning("settings of infra %s cannot be evaluated: %s", infra, error)
            raise Unavailable(f"settings: {error.strerror or error}") from error
        return _spec(infra, file, answer.result, answer.source_map)


def _spec(infra: str, file: str, result: str, source_map: str) -> InfraSpec:
    try:
        value = _VARIABLES.validate_json(result).get(VARIABLE)
    except ValidationError:
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(f"settings: {file}: there is no variable {VARIABLE} with a provisioning.Infra")
    line, column = _place(source_map)
    if "name" in value:
        problem = Problem("infra.name: an infra's name is the name of its folder", file, line, column)
        raise InvalidRequest(f"settings: {problem}")
    try:
        return InfraSpec.model_validate_json(to_json({"name": infra} | value), strict=True)
    except ValidationError as error:
        problems = [Problem(text, file, line, column) for text in _mistakes(error)]
        raise InvalidRequest(f"settings: {listing(problems)}") from None


def _mistakes(error: ValidationError) -> Iterable[str]:
    for entry in error.errors(include_url=False, include_input=False, include_context=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in entry["loc"])
        text = entry["msg"].removeprefix("Value error, ")
        # What concerns several entries begins with its place.
        yield f"{VARIABLE}{path}: {text}" if path else f"{VARIABLE}.{text}"


def _place(source_map: str) -> tuple[int, int]:
    """Line and column of `infra` in the file."""
    try:
        found = _SourceMap.model_validate_json(source_map or "{}")
        return next(
            (mapping.src_line, mapping.src_col + 1)
            for mapping in found.mappings
            if found.names[mapping.name_index] == VARIABLE
        )
    except (ValidationError, StopIteration, IndexError):
        return 1, 1
