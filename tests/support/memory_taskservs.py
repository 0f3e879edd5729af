"""Task services that are only remembered, for tests of what is decided.

Parameters of a task service say how it behaves: `seconds` how long a change of it takes, `hold` that its
installation or configuration waits until `release` is called with that value, `fail` that they fail for good.
"""

import asyncio
from datetime import UTC, datetime

from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ledger_ports import Inventory
from activities.taskserv_planning import targets
from workflows.contracts.taskservs import TaskservAction, TaskservActivities, TaskservPlan, TaskservWish
from workflows.domain.actions import ConfigureTaskserv, InstallTaskserv, RemoveTaskserv, RestartTaskserv
from workflows.domain.effects import ActionResult, Effect, EffectKind
from workflows.domain.errors import ActionFailed, NotFound
from workflows.domain.resources import Params, Server, Taskserv

Place = tuple[str, str]
"""The owner of a server, since another one of the same name has nothing on it, and a task service's name."""


class MemoryTaskservs(TaskservActivities):
    """Keeps the contract: each action has one result however often it is called, and can be abandoned."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._installed: dict[Place, Taskserv] = {}
        self._done: dict[str, Effect] = {}
        """What each action did, by its key."""
        self.broken: set[str] = set()
        """Kinds of actions that fail for good."""
        self.spoiled: Params = {}
        """Parameters with which nothing can be installed or configured."""
        self.begun: set[str] = set()
        """Keys of the servers on which an installation or a configuration was begun."""
        self.restarts: list[str] = []
        """The task services that were restarted, each as often as it was."""
        self._gates: dict[str, asyncio.Event] = {}

    def installed_on(self, server: Server) -> list[str]:
        return sorted(name for owner, name in self._installed if owner == server.owner)

    def params_on(self, server: Server) -> dict[str, Params]:
        """What is installed there, by name."""
        return {
            name: there.params for (owner, name), there in self._installed.items() if owner == server.owner
        }

    def release(self, name: str) -> None:
        """Lets go on what waits for it by the parameter `hold`."""
        self._gate(name).set()

    def lose(self, server: Server, name: str) -> None:
        """Somebody removes it by hand."""
        del self._installed[server.owner, name]

    async def plan_taskservs(self, wish: TaskservWish) -> TaskservPlan:
        with as_activity_failure():
            servers = tuple(await targets(wish, self._inventory))
        return TaskservPlan(servers=servers, chains=tuple(_chain(wish, server) for server in servers))

    async def install_taskserv(self, action: InstallTaskserv) -> ActionResult:
        with as_activity_failure():
            if action.key not in self._done:
                await self._bring_to(action, action.params)
        return self._result(action, "installed")

    async def configure_taskserv(self, action: ConfigureTaskserv) -> ActionResult:
        with as_activity_failure():
            if action.key not in self._done:
                await self._bring_to(action, {**self._there(action).params, **action.params})
        return self._result(action, "configured")

    async def restart_taskserv(self, action: RestartTaskserv) -> ActionResult:
        with as_activity_failure():
            if action.key not in self._done:
                there = self._there(action)
                await _takes_its_time(there.params)
                self._change(action, EffectKind.TASKSERV_RESTARTED, there)
                self.restarts.append(there.key)
        return self._result(action, "restarted")

    async def remove_taskserv(self, action: RemoveTaskserv) -> ActionResult:
        with as_activity_failure():
            there = self._installed.get(_place(action))
            if action.key not in self._done and there is not None:
                await _takes_its_time(there.params)
                if action.kind in self.broken:
                    raise ActionFailed(f"could not {action.summary}: it was told to fail")
                self._change(action, EffectKind.TASKSERV_REMOVED, None)
        return self._result(action, "removed")

    async def abandon_install(self, action: InstallTaskserv) -> None:
        with as_activity_failure():
            if "abandon_install" in self.broken:
                raise ActionFailed(f"could not take back '{action.summary}': it was told to fail")
        self._abandon(action)

    async def abandon_configuration(self, action: ConfigureTaskserv) -> None:
        self._abandon(action)

    async def abandon_restart(self, action: RestartTaskserv) -> None:
        self._abandon(action)

    async def abandon_removal(self, action: RemoveTaskserv) -> None:
        self._abandon(action)

    def _there(self, action: TaskservAction) -> Taskserv:
        there = self._installed.get(_place(action))
        if there is None:
            raise NotFound(f"could not {action.summary}: it is not installed there")
        return there

    async def _bring_to(self, action: InstallTaskserv | ConfigureTaskserv, params: Params) -> None:
        self.begun.add(action.server.key)
        await _takes_its_time(params)
        if "hold" in params:
            async with heartbeat():
                await self._gate(str(params["hold"])).wait()
        if "fail" in params or action.kind in self.broken or self.spoiled.items() & params.items():
            raise ActionFailed(f"could not {action.summary}: it was told to fail")
        before = self._installed.get(_place(action))
        if before is not None and before.params == params:
            return
        kind = EffectKind.TASKSERV_CONFIGURED if before else EffectKind.TASKSERV_INSTALLED
        after = Taskserv(
            name=action.name,
            params=params,
            server=action.server,
            address=f"{action.server.ssh.host}:80",
            owner=before.owner if before else action.key,
        )
        self._change(action, kind, after)

    def _change(self, action: TaskservAction, kind: EffectKind, after: Taskserv | None) -> None:
        before = self._installed.get(_place(action))
        self._put(_place(action), after)
        self._done[action.key] = Effect(
            id=action.key, kind=kind, cause=action.cause, at=datetime.now(UTC), before=before, after=after
        )

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    def _abandon(self, action: TaskservAction) -> None:
        effect = self._done.pop(action.key, None)
        if effect is not None:
            before = effect.before
            self._put(_place(action), before if isinstance(before, Taskserv) else None)

    def _put(self, place: Place, taskserv: Taskserv | None) -> None:
        if taskserv is None:
            self._installed.pop(place, None)
        else:
            self._installed[place] = taskserv

    def _result(self, action: TaskservAction, verb: str) -> ActionResult:
        effect = self._done.get(action.key)
        where = f"{action.name} on {action.server.key}"
        if effect is None:
            return ActionResult(server=action.server, note=f"{where} is already as it should be")
        return ActionResult(effects=(effect,), server=action.server, note=f"{verb} {where}")


def _chain(wish: TaskservWish, server: Server) -> tuple[TaskservAction, ...]:
    """In the order in which they were named; nothing requires anything here."""
    if wish.config.operation == "delete":
        return tuple(
            RemoveTaskserv(cause=wish.cause, server=server, name=item.name) for item in wish.config.taskservs
        )
    kinds: dict[str, type[InstallTaskserv | ConfigureTaskserv | RestartTaskserv]] = {
        "create": InstallTaskserv,
        "configure": ConfigureTaskserv,
        "restart": RestartTaskserv,
    }
    return tuple(
        kinds[wish.config.operation](cause=wish.cause, server=server, name=item.name, params=item.params)
        for item in wish.config.taskservs
    )


def _place(action: TaskservAction) -> Place:
    return action.server.owner, action.name


async def _takes_its_time(params: Params) -> None:
    """Nothing is begun meanwhile, so a cancellation leaves nothing."""
    async with heartbeat():
        await asyncio.sleep(float(str(params.get("seconds", 0))))
