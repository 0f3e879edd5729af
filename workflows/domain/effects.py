"""Effects: what was changed in the world, by whom, and how to take it back (DESIGN section 3).

The algebra: for every effect `e`, doing `inverse(e)` brings the resource from `e.after` back to `e.before`,
and is itself an effect whose `cause.undoes` is `e.id`.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from workflows.domain.actions import (
    Action,
    Cause,
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RemoveTaskserv,
)
from workflows.domain.resources import Frozen, Resource, Server, Taskserv


class EffectKind(StrEnum):
    SERVER_CREATED = "server_created"
    SERVER_DELETED = "server_deleted"
    TASKSERV_INSTALLED = "taskserv_installed"
    TASKSERV_CONFIGURED = "taskserv_configured"
    TASKSERV_REMOVED = "taskserv_removed"


class Effect(Frozen):
    """One change. `before` is None where nothing was there, `after` is None where nothing is left."""

    id: str
    kind: EffectKind
    cause: Cause
    at: datetime
    before: Resource | None = None
    after: Resource | None = None

    @property
    def resource(self) -> Resource:
        resource = self.after or self.before
        if resource is None:
            raise ValueError(f"effect {self.id} has neither a before nor an after")
        return resource

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

    @property
    def line(self) -> str:
        return f"{self.what}: {self.why}"


class ActionResult(Frozen):
    """What an action did: no effects where the world already was as wanted."""

    effects: tuple[Effect, ...] = ()
    server: Server | None = None
    note: str
    """One line for the operator."""


def inverse(effect: Effect, server: Server | None = None) -> Action:
    """The action that takes `effect` back.

    `server` is the server as it is now, where it was created anew since the effect: it may be elsewhere, and
    it is another one's to undo.
    """
    cause = effect.cause.model_copy(update={"undoes": effect.id})
    match effect.kind, effect.before, effect.after:
        case EffectKind.SERVER_CREATED, None, Server() as made:
            return DeleteServer(cause=cause, server=server or made)
        case EffectKind.SERVER_DELETED, Server() as gone, None:
            return CreateServer(cause=cause, spec=gone.spec)
        case EffectKind.TASKSERV_INSTALLED, None, Taskserv() as installed:
            return RemoveTaskserv(cause=cause, server=server or installed.server, name=installed.name)
        case ((EffectKind.TASKSERV_REMOVED | EffectKind.TASKSERV_CONFIGURED), Taskserv() as old, _):
            return InstallTaskserv(cause=cause, server=server or old.server, name=old.name, params=old.params)
    raise ValueError(f"effect {effect.id}: {effect.kind} does not fit its before and after")


def still_open(effects: Iterable[Effect]) -> list[Effect]:
    """The effects that none of the others has undone, in their order; undoing effects are left out."""
    effects = list(effects)
    undone = {effect.cause.undoes for effect in effects}
    return [e for e in effects if e.id not in undone and e.cause.undoes is None]
