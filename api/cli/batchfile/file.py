"""A batch file, read and checked."""

from typing import NamedTuple

from pydantic import JsonValue

from api.cli.batchfile.check import check
from api.cli.batchfile.document import Document, Mistake, Unreadable, read_text
from api.cli.batchfile.json_text import read_json
from api.cli.batchfile.yaml_text import read_yaml
from api.cli.errors import WrongUsage

_STDIN = "-"


class BatchFile(NamedTuple):
    """A batch that may be sent."""

    name: str
    """As it is shown before a line's number."""
    document: Document
    warnings: list[Mistake]

    @property
    def body(self) -> JsonValue:
        return self.document.value


class BadBatch(WrongUsage):
    """The file has mistakes; nothing was sent."""

    def __init__(self, name: str, mistakes: list[Mistake]) -> None:
        count = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "a mistake"
        super().__init__(f"{name} has {count}; nothing was sent")
        self.name = name
        self.mistakes = mistakes


def read_batch(name: str) -> BatchFile:
    """The batch of a file, or of stdin for `-`.

    Raises:
        WrongUsage: it cannot be read; a BadBatch where that is about what stands in it.
    """
    shown = "stdin" if name == _STDIN else name
    try:
        document = _document(name, read_text(name))
    except Unreadable as error:
        raise BadBatch(shown, [error.mistake]) from None
    verdict = check(document)
    if verdict.mistakes:
        raise BadBatch(shown, verdict.mistakes)
    return BatchFile(shown, document, verdict.warnings)


def _document(name: str, text: str) -> Document:
    """By the name's ending; without one, JSON if it is JSON or begins like it."""
    if name.endswith(".json"):
        return read_json(text)
    if name.endswith((".yaml", ".yml")):
        return read_yaml(text)
    try:
        return read_json(text)
    except Unreadable:
        if text.lstrip().startswith("{"):
            raise
        return read_yaml(text)
