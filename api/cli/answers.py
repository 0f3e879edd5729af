"""What the service answers, as far as the command line looks into it."""

from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, ValidationError

from api.cli.errors import Unreachable

Fields = dict[str, JsonValue]


class Answer(BaseModel):
    """Most commands need few of them, so each is made ready when it is first used."""

    model_config = ConfigDict(defer_build=True)


class OperationState(Answer):
    id: str
    status: str
    progress: float = 0.0
    task_id: str


class Batch(Answer):
    batch_id: str
    name: str
    status: str
    created_at: AwareDatetime
    completed_at: AwareDatetime | None = None
    operations: tuple[OperationState, ...] = ()
    error: str | None = None
    remaining: tuple[str, ...] = ()


class Started(Answer):
    """A batch that was accepted."""

    batch_id: str


class Progress(Answer):
    progress: float
    current_step: str = ""
    total_steps: int = 1
    completed_steps: int = 0
    estimated_time_remaining: int | None = None


class Task(Answer):
    id: str
    name: str
    args: tuple[str, ...] = ()
    status: str
    started_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    output: str | None = None
    error: str | None = None
    progress: float | None = None


class RollbackResult(Answer):
    success: bool
    status: str | None = None
    error: str | None = None
    remaining: tuple[str, ...] = ()


A = TypeVar("A", bound=BaseModel)


def valid(shape: type[A], answer: JsonValue) -> A:
    """The answer in its shape. Raises Unreachable where it has another, as the others do."""
    try:
        return shape.model_validate(answer)
    except ValidationError:
        raise _something_else() from None


def as_fields(answer: JsonValue) -> Fields:
    if not isinstance(answer, dict):
        raise _something_else()
    return answer


def as_rows(answer: JsonValue) -> list[Fields]:
    if not isinstance(answer, list):
        raise _something_else()
    return [as_fields(row) for row in answer]


def as_text(answer: JsonValue) -> str:
    if not isinstance(answer, str):
        raise _something_else()
    return answer


def _something_else() -> Unreachable:
    return Unreachable("the service answered something else than was asked for")
