"""What could not be undone, and is so by the undoing of something older.

What cannot be undone is skipped, and what is older goes its way. Once a thing is as it was before both,
nothing is left to do for what was skipped: it must not stay open, or the next rollback would bring back a
state that nobody wants any more. The ledger tells it as if each had been undone in turn, newest first, so
that every moment and every effect in it can be gone back to.
"""

from collections.abc import Sequence
from datetime import datetime

from workflows.domain.actions import Cause
from workflows.domain.effects import Effect, EffectKind, inverse
from workflows.domain.resources import Cluster, Resource, Server


def takes_along(undoing: Effect, server: str) -> bool:
    """Whether what is on the server with this key is gone with `undoing`."""
    return undoing.kind is EffectKind.SERVER_DELETED and undoing.server.key == server


def overtakes(undoing: Effect, key: str, server: str) -> bool:
    """Whether `undoing` leaves nothing to do for a newer effect that could not be undone before.

    Args:
        undoing: the undoing of something older.
        key: the `key` of the newer effect.
        server: the key of its server.
    """
    return undoing.key == key or takes_along(undoing, server)


def overtaken(effect: Effect, by: Cause, at: datetime) -> Effect:
    """The undoing of `effect` that the ledger is told of, just before the one that overtook it."""
    cause = by.model_copy(update={"undoes": effect.id})
    return Effect(
        id=inverse(effect, by=cause).key,
        kind=_kind(effect.after, effect.before),
        cause=cause,
        at=at,
        before=effect.after,
        after=effect.before,
    )


def following(undoing: Effect, others: Sequence[Effect]) -> Effect:
    """`undoing` as it goes on where the undoings that it has overtaken end, `others`, oldest first."""
    before = next((one.after for one in reversed(others) if one.key == undoing.key), undoing.before)
    if before is None and undoing.after is None:
        return undoing
    return undoing.model_copy(update={"before": before, "kind": _kind(before, undoing.after)})


def _kind(before: Resource | None, after: Resource | None) -> EffectKind:
    resource = after or before
    if isinstance(resource, Cluster):
        if before is None:
            return EffectKind.CLUSTER_CREATED
        return EffectKind.CLUSTER_CHANGED if after is not None else EffectKind.CLUSTER_DELETED
    on_server = isinstance(resource, Server)
    if before is None:
        return EffectKind.SERVER_CREATED if on_server else EffectKind.TASKSERV_INSTALLED
    if after is None:
        return EffectKind.SERVER_DELETED if on_server else EffectKind.TASKSERV_REMOVED
    return EffectKind.TASKSERV_CONFIGURED
