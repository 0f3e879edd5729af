"""Effects: what was changed in the world, by whom, and how to take it back (DESIGN section 3).

The algebra: for every effect `e`, doing `inverse(e)` brings the resource from `e.after` back to `e.before`,
and is itself an effect whose `cause.undoes` is `e.id`.

A restart stands outside of it: it is recorded, since it was done, and `before` equals `after`, so there is
nothing to bring back. Undoing it could only be one more interruption, and counting it as open would let it
stand in the way of undoing what is below it. So it is not lasting: `still_open`, the chains of `undoing` and
the inventory leave it out, and a batch's own undoing passes over it.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from workflows.domain.actions import (
    Action,
    Cause,
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RecordCluster,
    RemoveTaskserv,
)
from workflows.domain.resources import Cluster, Frozen, Resource, Server, Taskserv


class EffectKind(StrEnum):
    SERVER_CREATED = "server_created"
    SERVER_DELETED = "server_deleted"
    TASKSERV_INSTALLED = "taskserv_installed"
    TASKSERV_CONFIGURED = "taskserv_configured"
    TASKSERV_RESTARTED = "taskserv_restarted"
    TASKSERV_REMOVED = "taskserv_removed"
    CLUSTER_CREATED = "cluster_created"
    CLUSTER_CHANGED = "cluster_changed"
    CLUSTER_DELETED = "cluster_deleted"


class Effect(Frozen):
    """One change. `before` is None where nothing was there, `after` is None where nothing is left."""

    id: str
    kind: EffectKind
    cause: Cause
    at: datetime
    before: Resource | None = None
    after: Resource | None = None

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if self.before is None and self.after is None:
            raise ValueError("an effect has a before or an after")
        return self

    @property
    def resource(self) -> Resource:
        resource = self.after or self.before
        if resource is None:
            raise ValueError(f"effect {self.id} has neither a before nor an after")
        return resource

    @property
    def is_lasting(self) -> bool:
        """Whether it left anything to undo. By its kind, so that nothing that undoes is ever left out."""
        return self.kind is not EffectKind.TASKSERV_RESTARTED

    @property
    def key(self) -> str:
        """The resource's name in the inventory, such as `server:default/web-01`."""
        return f"{self.resource.type}:{self.resource.key}"

    @property
    def server(self) -> Server:
        """The server that was touched, or on which the touched thing stands."""
        resource = self.resource
        return resource if isinstance(resource, Server) else resource.server


class Remaining(Frozen):
    """Something that is in the world and should not be: an undoing failed for good."""

    what: str
    why: str
    effect: Effect | None = None
    """The effect that stays open; None where an action was left half done and has none."""
    half_done_on: str | None = None
    """The key of the server on which it was left half done."""

    @property
    def line(self) -> str:
        return f"{self.what}: {self.why}"

    def of(self, operation: str) -> Self:
        """The same, said of a batch's operation."""
        return self.model_copy(update={"what": f"{operation}: {self.what}"})


class ActionResult(Frozen):
    """What an action did: no effects where the world already was as wanted."""

    effects: tuple[Effect, ...] = ()
    server: Server | None = None
    note: str
    """One line for the operator."""


def inverse(effect: Effect, server: Server | None = None, by: Cause | None = None) -> Action:
    """The action that takes `effect` back.

    `server` is the server as it is now, where it was created anew since the effect: it may be elsewhere, and
    it is another one's to undo. `by` is on whose behalf; without it, whoever did the effect undoes it.

    Raises:
        ValueError: it is a restart, which nothing takes back, or its parts do not fit its kind.
    """
    cause = (by or effect.cause).model_copy(update={"undoes": effect.id})
    match effect.kind, effect.before, effect.after:
        case EffectKind.SERVER_CREATED, None, Server() as made:
            return DeleteServer(cause=cause, server=server or made)
        case EffectKind.SERVER_DELETED, Server() as gone, None:
            return CreateServer(cause=cause, spec=gone.spec)
        case EffectKind.TASKSERV_INSTALLED, None, Taskserv() as installed:
            return RemoveTaskserv(cause=cause, server=server or installed.server, name=installed.name)
        case ((EffectKind.TASKSERV_REMOVED | EffectKind.TASKSERV_CONFIGURED), Taskserv() as old, _):
            return InstallTaskserv(cause=cause, server=server or old.server, name=old.name, params=old.params)
        case ((EffectKind.CLUSTER_CREATED | EffectKind.CLUSTER_CHANGED | EffectKind.CLUSTER_DELETED), _, _):
            return RecordCluster(
                cause=cause, before=_at(effect.after, server), after=_at(effect.before, server)
            )
    raise ValueError(f"effect {effect.id}: {effect.kind} does not fit its before and after")


def _at(cluster: Resource | None, server: Server | None) -> Cluster | None:
    """The cluster, whose first member may be another server by now."""
    if cluster is None:
        return None
    if not isinstance(cluster, Cluster):
        raise ValueError(f"{cluster.key} is no cluster")
    return cluster.model_copy(update={"server": server or cluster.server})


def recorded(action: RecordCluster, at: datetime) -> ActionResult:
    """What comes of a record. No effect where nothing changed."""
    cluster = action.cluster
    if action.before == action.after and action.cause.undoes is None:
        return ActionResult(note=f"cluster {cluster.key} is as it was, unchanged")
    kind, word = EffectKind.CLUSTER_CHANGED, "is now"
    if action.before is None:
        kind, word = EffectKind.CLUSTER_CREATED, "stands:"
    elif action.after is None:
        kind, word = EffectKind.CLUSTER_DELETED, "is given up:"
    effect = Effect(
        id=action.key, kind=kind, cause=action.cause, at=at, before=action.before, after=action.after
    )
    what = f"{cluster.cluster_type}, {', '.join(cluster.members)}"
    return ActionResult(effects=(effect,), note=f"cluster {cluster.key} {word} {what}")


def still_open(effects: Iterable[Effect]) -> list[Effect]:
    """The lasting effects that no other has undone, in their order; undoing effects are left out."""
    effects = list(effects)
    undone = {effect.cause.undoes for effect in effects}
    return [e for e in effects if e.id not in undone and e.cause.undoes is None and e.is_lasting]


def described(effect: Effect) -> str:
    """An effect in a few words: `server created default/web-01`."""
    return f"{effect.kind.value.replace('_', ' ')} {effect.resource.key}"
