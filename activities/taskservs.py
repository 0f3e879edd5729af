"""Does things with task services on servers. What is true of them stands on the server itself."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from activities.catalogue.catalogue import Catalogue
from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ledger_ports import Inventory
from activities.ports import LogSink
from activities.provider_ports import ServerProviders
from activities.taskserv_attempts import Attempts
from activities.taskserv_host import Attempt, Errand, Installation, TaskservHost
from activities.taskserv_invitations import Invitations
from activities.taskserv_neighbours import Neighbours
from activities.taskserv_planning import chain, targets
from workflows.contracts.taskservs import TaskservAction, TaskservActivities, TaskservPlan, TaskservWish
from workflows.domain.actions import ConfigureTaskserv, InstallTaskserv, RemoveTaskserv, RestartTaskserv
from workflows.domain.effects import ActionResult, Effect, EffectKind
from workflows.domain.errors import NotFound, Refused, Unavailable
from workflows.domain.resources import Server, Taskserv

FLUSH = 2.0
"""Seconds that a result waits for its log to be stored."""

_NOT_REACHED = (Unavailable, Refused)
"""The second where somebody else's server has the address of one that is gone by now."""


class Taskservs(TaskservActivities):
    def __init__(
        self,
        catalogue: Catalogue,
        host: TaskservHost,
        inventory: Inventory,
        log: LogSink,
        providers: ServerProviders,
    ) -> None:
        self._catalogue = catalogue
        self._host = host
        self._inventory = inventory
        self._log = log
        self._providers = providers
        neighbours = Neighbours(inventory, providers)
        self._attempts = Attempts(catalogue, host, log, Invitations(host, neighbours), neighbours)

    async def plan_taskservs(self, wish: TaskservWish) -> TaskservPlan:
        with as_activity_failure():
            async with heartbeat():
                servers = await targets(wish, self._inventory)
            chains = tuple(chain(wish, server, self._catalogue) for server in servers)
            return TaskservPlan(servers=tuple(servers), chains=chains)

    async def install_taskserv(self, action: InstallTaskserv) -> ActionResult:
        async with self._activity(), self._on(action.server):
            self._catalogue.check(action.name, action.params)
            attempt = await self._attempts.begin(action)
            return await self._bring_to_params(action, attempt)

    async def configure_taskserv(self, action: ConfigureTaskserv) -> ActionResult:
        async with self._activity(), self._on(action.server):
            self._catalogue.check(action.name, action.params)
            attempt, _ = await self._begin_on_installed(action)
            return await self._bring_to_params(action, attempt)

    async def restart_taskserv(self, action: RestartTaskserv) -> ActionResult:
        async with self._activity(), self._on(action.server):
            self._catalogue.check_restart(action.name, action.params)
            attempt, there = await self._begin_on_installed(action)
            await self._attempts.perform(action, attempt, Errand.RESTART, there, there.params)
            effect = self._effect(action, EffectKind.TASKSERV_RESTARTED, there, there)
            note = f"restarted {action.name} on {self._where(action, there)}"
            return ActionResult(effects=(effect,), server=action.server, note=note)

    async def remove_taskserv(self, action: RemoveTaskserv) -> ActionResult:
        async with self._activity():
            try:
                return await self._remove(action)
            except _NOT_REACHED:
                if await self._is_gone(action.server):
                    note = f"server {action.server.key} is gone, and {action.name} with it"
                    return ActionResult(server=action.server, note=note)
                raise

    async def abandon_install(self, action: InstallTaskserv) -> None:
        await self._abandon(action)

    async def abandon_configuration(self, action: ConfigureTaskserv) -> None:
        await self._abandon(action)

    async def abandon_restart(self, action: RestartTaskserv) -> None:
        await self._abandon(action)

    async def abandon_removal(self, action: RemoveTaskserv) -> None:
        await self._abandon(action)

    async def _bring_to_params(
        self, action: InstallTaskserv | ConfigureTaskserv, attempt: Attempt
    ) -> ActionResult:
        before = attempt.before
        params = self._catalogue.get(action.name).service.resolve(
            before.params if before else {}, action.params
        )
        after = Installation(name=action.name, params=params, owner=before.owner if before else action.key)
        await self._attempts.perform(action, attempt, Errand.INSTALL, after, params)
        where = self._where(action, after)
        if before == after:
            note = f"{action.name} is already installed on {where}, unchanged"
            return ActionResult(server=action.server, note=note)
        kind = EffectKind.TASKSERV_CONFIGURED if before else EffectKind.TASKSERV_INSTALLED
        verb = "reconfigured" if before else "installed"
        effect = self._effect(action, kind, before, after)
        return ActionResult(effects=(effect,), server=action.server, note=f"{verb} {action.name} on {where}")

    async def _begin_on_installed(
        self, action: ConfigureTaskserv | RestartTaskserv
    ) -> tuple[Attempt, Installation]:
        attempt = await self._attempts.begin(action)
        if attempt.before is None:
            await self._host.close(action.server, action.name, attempt)
            raise NotFound(f"could not {action.summary}: it is not installed there")
        return attempt, attempt.before

    async def _remove(self, action: RemoveTaskserv) -> ActionResult:
        self._catalogue.get(action.name)
        attempt = await self._attempts.begin(action)
        before = attempt.before
        if before is None:
            await self._host.close(action.server, action.name, attempt)
            note = f"{action.name} was not installed on {action.server.key}"
            return ActionResult(server=action.server, note=note)
        await self._attempts.perform(action, attempt, Errand.REMOVE, None, before.params)
        effect = self._effect(action, EffectKind.TASKSERV_REMOVED, before, None)
        note = f"removed {action.name} from {action.server.key}"
        return ActionResult(effects=(effect,), server=action.server, note=note)

    async def _abandon(self, action: TaskservAction) -> None:
        async with self._activity():
            try:
                attempt = await self._host.peek(action.server, action.name, action.key)
                if attempt is not None:
                    await self._attempts.take_back(action, attempt)
            except _NOT_REACHED:
                if not await self._is_gone(action.server):
                    raise

    @contextlib.asynccontextmanager
    async def _activity(self) -> AsyncIterator[None]:
        """What every one of them does around its work."""
        with as_activity_failure():
            async with heartbeat():
                try:
                    yield
                finally:
                    await self._log.flush(FLUSH)

    @contextlib.asynccontextmanager
    async def _on(self, server: Server) -> AsyncIterator[None]:
        """Tells a server that is away from one that does not exist any more, for which nobody need wait."""
        try:
            yield
        except _NOT_REACHED as error:
            if await self._is_gone(server):
                raise NotFound(f"server {server.key} does not exist any more") from error
            raise

    async def _is_gone(self, server: Server) -> bool:
        """Whether the server itself does not exist any more, so that nothing can stand on it."""
        found = await self._providers.get(server.spec.provider).find(server.spec.infra, server.spec.name)
        return found is None or found.owner != server.owner

    def _effect(
        self,
        action: TaskservAction,
        kind: EffectKind,
        before: Installation | None,
        after: Installation | None,
    ) -> Effect:
        return Effect(
            id=action.key,
            kind=kind,
            cause=action.cause,
            at=datetime.now(UTC),
            before=before and self._taskserv(before, action.server),
            after=after and self._taskserv(after, action.server),
        )

    def _taskserv(self, installation: Installation, server: Server) -> Taskserv:
        return Taskserv(
            name=installation.name,
            params=installation.params,
            server=server,
            address=self._address(server, installation),
            owner=installation.owner,
            requires=tuple(self._catalogue.get(installation.name).service.requires),
        )

    def _where(self, action: TaskservAction, installation: Installation) -> str:
        return f"{action.server.key} ({self._address(action.server, installation)})"

    def _address(self, server: Server, installation: Installation) -> str:
        port = installation.params[self._catalogue.get(installation.name).service.port_parameter]
        if not isinstance(port, int):
            raise TypeError(f"the port of {installation.name} is {port!r}")
        return f"{server.ssh.host}:{port}"
