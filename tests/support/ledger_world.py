"""A world as the activities would change it, and its ledger: all in memory, to try the algebra of undoing."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.support.batches import server
from workflows.domain.actions import (
    Action,
    Cause,
    ConfigureTaskserv,
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RecordCluster,
    RemoveTaskserv,
    RestartTaskserv,
)
from workflows.domain.effects import Effect, EffectKind, inverse
from workflows.domain.identity import effect_id
from workflows.domain.inventory import LedgerEntry
from workflows.domain.overtaking import following, overtaken
from workflows.domain.resources import Resource, Server, Taskserv, dependents_first
from workflows.domain.rollbacks import EffectToUndo
from workflows.domain.undoing import Undoing
from workflows.rollback_failures import Failures

Picture = dict[str, object]
"""What exists, and how: without who made it, since what comes back is another one."""


REQUIRES = {"echo": ("beacon",)}


class World:
    """Servers and task services as the activities would change them, and the ledger of it."""

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.taskservs: dict[str, Taskserv] = {}
        self.ledger: list[LedgerEntry] = []
        self._tasks = 0

    def picture(self) -> Picture:
        return {key: True for key in self.servers} | {key: t.params for key, t in self.taskservs.items()}

    def new_task(self) -> str:
        self._tasks += 1
        return f"task-{self._tasks}"

    def act(self, action: Action) -> None:
        cause = action.cause
        match action:
            case CreateServer():
                assert action.spec.key not in self.servers
                made = server(action.spec.name).model_copy(update={"owner": action.key})
                self._write(action.key, EffectKind.SERVER_CREATED, cause, None, made)
            case DeleteServer():
                # An inverse names no task services: nothing may stand there by then.
                there = {t.key: t for t in self.taskservs.values() if t.server.key == action.server.key}
                assert there == {t.key: t for t in action.taskservs}
                assert self.servers[action.server.key].owner == action.server.owner
                for gone in dependents_first(action.taskservs):
                    name = effect_id(cause.origin, "taskserv_removed", gone.key)
                    self._write(name, EffectKind.TASKSERV_REMOVED, cause, gone, None)
                self._write(action.key, EffectKind.SERVER_DELETED, cause, action.server, None)
            case InstallTaskserv():
                assert self.servers[action.server.key] == action.server
                old = self.taskservs.get(f"{action.server.key}/{action.name}")
                requires = REQUIRES.get(action.name, ())
                assert all(f"{action.server.key}/{name}" in self.taskservs for name in requires)
                new = taskserv_of(action)
                kind = EffectKind.TASKSERV_CONFIGURED if old else EffectKind.TASKSERV_INSTALLED
                self._write(action.key, kind, cause, old, new)
            case ConfigureTaskserv():
                raise AssertionError("no inverse is a configuration")
            case RestartTaskserv():
                running = self.taskservs[f"{action.server.key}/{action.name}"]
                self._write(action.key, EffectKind.TASKSERV_RESTARTED, cause, running, running)
            case RemoveTaskserv():
                gone = self.taskservs[f"{action.server.key}/{action.name}"]
                assert not self.needing(gone)
                self._write(action.key, EffectKind.TASKSERV_REMOVED, cause, gone, None)

    def needing(self, taskserv: Taskserv) -> list[Taskserv]:
        """What stands on the same server and cannot do without it."""
        others = self.taskservs.values()
        return [t for t in others if t.server.key == taskserv.server.key and taskserv.name in t.requires]

    def undo(self, wanted: Sequence[Undoing]) -> str:
        """Undoes these in this order, as one task; its id."""
        by = Cause(task_id=self.new_task())
        for undoing in wanted:
            now = self.servers.get(undoing.effect.server.key)
            self.act(inverse(undoing.effect, now, by))
        return by.task_id

    def undo_but(self, wanted: Sequence[Undoing], failing: Collection[str]) -> None:
        """Undoes these in this order, but for those effects that fail, and all that fails for that."""
        by, failures = Cause(task_id=self.new_task()), Failures()
        for step in wanted:
            effect, fails = step.effect, step.effect.id in failing or failures.bars(step.effect)
            undoing = None if fails else self.undone(effect, by)
            if undoing is None:
                failures.add(EffectToUndo(position=step.position, effect=effect, task_id=None), "it fails")
                continue
            others = [self.ledger[position - 1].effect for position in failures.overtaken_by(undoing)]
            told = [overtaken(one, by, datetime.now(UTC)) for one in others]
            for one in (*told, following(undoing, told)):
                self._append(one)

    def undone(self, effect: Effect, by: Cause) -> Effect | None:
        """Takes an effect back, as far as a real world would let one; None where it would not."""
        action = inverse(effect, self.servers.get(effect.server.key), by)
        if self.refuses(action):
            return None
        match action:
            case CreateServer():
                made = server(action.spec.name).model_copy(update={"owner": action.key})
                self.servers[action.spec.key] = made
                return effect_of(action, None, made)
            case DeleteServer():
                self.servers.pop(action.server.key, None)
                for key in [k for k, t in self.taskservs.items() if t.server.key == action.server.key]:
                    del self.taskservs[key]
                return effect_of(action, action.server, None)
            case InstallTaskserv():
                key = f"{action.server.key}/{action.name}"
                old, self.taskservs[key] = self.taskservs.get(key), taskserv_of(action)
                return effect_of(action, old, self.taskservs[key])
            case RemoveTaskserv():
                gone = self.taskservs.pop(f"{action.server.key}/{action.name}", None)
                return effect_of(action, gone or effect.after, None)
            case ConfigureTaskserv() | RestartTaskserv() | RecordCluster():
                raise AssertionError(f"no inverse of what is done here is a {action.kind}")

    def refuses(self, action: Action) -> bool:
        match action:
            case CreateServer():
                return action.spec.key in self.servers
            case DeleteServer():
                return False
            case InstallTaskserv():
                needed = [f"{action.server.key}/{name}" for name in REQUIRES.get(action.name, ())]
                return action.server.key not in self.servers or any(n not in self.taskservs for n in needed)
            case RemoveTaskserv():
                there = self.taskservs.get(f"{action.server.key}/{action.name}")
                return there is not None and bool(self.needing(there))
            case ConfigureTaskserv() | RestartTaskserv() | RecordCluster():
                raise AssertionError(f"no inverse of what is done here is a {action.kind}")

    def after(self, position: int) -> list[LedgerEntry]:
        return self.ledger[position:]

    def of_task(self, task: str) -> list[LedgerEntry]:
        """A task's effects, and all that undid them, and that again."""
        ids: set[str | None] = set()
        found = []
        for entry in self.ledger:
            if entry.effect.cause.task_id == task or entry.effect.cause.undoes in ids:
                ids.add(entry.effect.id)
                found.append(entry)
        return found

    def _write(
        self, name: str, kind: EffectKind, cause: Cause, before: Resource | None, after: Resource | None
    ) -> None:
        assert name not in {entry.effect.id for entry in self.ledger}
        effect = Effect(id=name, kind=kind, cause=cause, at=datetime.now(UTC), before=before, after=after)
        self._append(effect)
        key = effect.resource.key
        things: dict[str, Any] = self.servers if isinstance(effect.resource, Server) else self.taskservs
        if after is None:
            del things[key]
        else:
            things[key] = after

    def _append(self, effect: Effect) -> None:
        self.ledger.append(LedgerEntry(position=len(self.ledger) + 1, effect=effect))


def taskserv_of(action: InstallTaskserv) -> Taskserv:
    return Taskserv(
        name=action.name,
        params=action.params,
        server=action.server,
        address="a:1",
        owner="o",
        requires=REQUIRES.get(action.name, ()),
    )


def effect_of(action: Action, before: Resource | None, after: Resource | None) -> Effect:
    match action:
        case CreateServer():
            kind = EffectKind.SERVER_CREATED
        case DeleteServer():
            kind = EffectKind.SERVER_DELETED
        case InstallTaskserv():
            kind = EffectKind.TASKSERV_CONFIGURED if before else EffectKind.TASKSERV_INSTALLED
        case RemoveTaskserv():
            kind = EffectKind.TASKSERV_REMOVED
    now = datetime.now(UTC)
    return Effect(id=action.key, kind=kind, cause=action.cause, at=now, before=before, after=after)


def picture_at(world: World, position: int) -> Picture:
    """The ledger folded up to a position."""
    found: Picture = {}
    for entry in world.ledger[:position]:
        effect = entry.effect
        if effect.after is None:
            found.pop(effect.resource.key, None)
        else:
            found[effect.resource.key] = True if isinstance(effect.after, Server) else effect.after.params
    return found
