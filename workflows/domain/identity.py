"""Deterministic identities: the same question always has the same id, so a retry finds its own work."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1c2c0e-93c7-5d0e-8f4e-5f6f3f0f2b11")


def task_id(batch_id: str, operation_id: str) -> str:
    """The task of a batch's operation; also the workflow id of its execution."""
    return str(uuid5(UUID(batch_id), operation_id))


def effect_id(origin: str, kind: str, resource: str) -> str:
    """The effect of one action. `origin` is the task that acts, or the effect that is being undone."""
    return str(uuid5(_NAMESPACE, f"{origin}:{kind}:{resource}"))


def record_id(owner: str, kind: str, version: int | str) -> str:
    """An event or a snapshot of `owner` at `version`."""
    return str(uuid5(_NAMESPACE, f"{owner}:{kind}:{version}"))
