"""Checkpoints, and going back to them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.batch_operations import Name
from api.schemas.envelope import RequestModel, absent
from workflows.domain import rollbacks
from workflows.domain.states import TaskStatus
from workflows.domain.undoing import Undoing

_UNITS = ("B", "KB", "MB", "GB")


OperationEntry = Annotated[str, StringConstraints(min_length=1, max_length=512)]
_NONE = UUID(int=0)


class CreateCheckpointRequest(RequestModel):
    name: Name
    description: Annotated[str, StringConstraints(max_length=4096)] = ""


class Checkpoint(BaseModel):
    """`size` is what its picture of the inventory takes, as it is stored."""

    id: str
    name: str
    description: str | None = Field(default=None, exclude_if=absent)
    created_at: datetime
    size: str

    @classmethod
    def of(cls, checkpoint: rollbacks.Checkpoint) -> "Checkpoint":
        return cls(
            id=checkpoint.id,
            name=checkpoint.name,
            description=checkpoint.description,
            created_at=checkpoint.created_at,
            size=for_people(checkpoint.size),
        )


class RollbackRequest(RequestModel):
    """Exactly one of both."""

    checkpoint_id: UUID = Field(default_factory=lambda: _NONE)
    operation_ids: tuple[OperationEntry, ...] = Field(default_factory=tuple, min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _one_of_both(self) -> "RollbackRequest":
        if len(self.model_fields_set & {"checkpoint_id", "operation_ids"}) != 1:
            raise PydanticCustomError("one_of", "send exactly one of checkpoint_id and operation_ids")
        return self

    @property
    def is_full(self) -> bool:
        return "checkpoint_id" in self.model_fields_set


class EffectToUndo(BaseModel):
    """A step of a rollback that was only asked about."""

    effect_id: str
    position: int
    kind: str
    resource: str
    task_id: str
    batch_id: str | None = Field(default=None, exclude_if=absent)
    operation_id: str | None = Field(default=None, exclude_if=absent)

    @classmethod
    def of(cls, undoing: Undoing) -> "EffectToUndo":
        effect = undoing.effect
        return cls(
            effect_id=effect.id,
            position=undoing.position,
            kind=effect.kind,
            resource=effect.resource.key,
            task_id=effect.cause.task_id,
            batch_id=effect.cause.batch_id,
            operation_id=effect.cause.operation_id,
        )


class RollbackResult(BaseModel):
    """How a rollback ended. The counts are of changes undone, and of changes that could not be."""

    rollback_id: str
    success: bool
    operations_executed: int
    operations_failed: int
    duration: float
    status: TaskStatus | None = Field(default=None, exclude_if=absent)
    error: str | None = Field(default=None, exclude_if=absent)
    remaining: tuple[str, ...] | None = Field(default=None, exclude_if=absent)
    would_undo: tuple[EffectToUndo, ...] | None = Field(default=None, exclude_if=absent)

    @classmethod
    def of(cls, rollback_id: str, outcome: rollbacks.RollbackOutcome) -> "RollbackResult":
        return cls(
            rollback_id=rollback_id,
            success=outcome.status is TaskStatus.COMPLETED,
            operations_executed=outcome.undone,
            operations_failed=outcome.failed,
            duration=outcome.seconds,
            status=outcome.status,
            error=outcome.error,
            remaining=outcome.remaining or None,
        )

    @classmethod
    def preview(cls, undoings: Iterable[Undoing]) -> "RollbackResult":
        """Nothing was started, so the id is the one that nothing has."""
        return cls(
            rollback_id=str(_NONE),
            success=True,
            operations_executed=0,
            operations_failed=0,
            duration=0.0,
            would_undo=tuple(EffectToUndo.of(undoing) for undoing in undoings),
        )


def for_people(size: int) -> str:
    """Bytes in the unit that fits, of 1000 each: `512B`, `1.2KB`, `150MB`."""
    value, unit = float(size), 0
    while unit < len(_UNITS) - 1 and value >= 999.5:
        value, unit = value / 1000, unit + 1
    digits = 1 if unit and round(value, 1) < 10 else 0
    return f"{value:.{digits}f}{_UNITS[unit]}"
