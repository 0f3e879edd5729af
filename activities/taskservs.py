"""Brings task services onto servers and off them again. What is true stands on the server itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from temporalio import activity

from activities.catalogue.catalogue import Catalogue
from activities.failures import as_activity_failure
from activities.heartbeat import heartbeat
from activities.ports import Inventory, LogSink, ServerProviders
from activities.taskserv_host import Attempt, Errand, Installation, Report, TaskservHost, Verdict, Work
from activities.taskserv_planning import chain, targets
from workflows.contracts.taskservs import TaskservAction, TaskservActivities, TaskservPlan, TaskservWish
from workflows.domain.actions import InstallTaskserv, RemoveTaskserv
from workflows.domain.effects import ActionResult, Effect, EffectKind
from workflows.domain.errors import ActionFailed, Conflict, NotFound, ProvisioningError, Unavailable
from workflows.domain.resources import Params, Server, Taskserv

FLUSH = 2.0
"""Seconds that a result waits for its log to be stored."""
TAKING_BACK = 120.0
"""Seconds that a cancelled activity takes to bring back what was there; what it can't, `abandon_*` does."""


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

    async def plan_taskservs(self, wish: TaskservWish) -> TaskservPlan:
        with as_activity_failure():
            async with heartbeat():
                servers = await targets(wish, self._inventory)
            chains = tuple(chain(wish, server, self._catalogue) for server in servers)
            return TaskservPlan(servers=tuple(servers), chains=chains)

    async def install_taskserv(self, action: InstallTaskserv) -> ActionResult:
        with as_activity_failure():
            async with heartbeat():
                try:
                    return await self._install(action)
                except Unavailable as error:
                    if await self._is_gone(action.server):
                        raise NotFound(f"server {action.server.key} does not exist any more") from error
                    raise
                finally:
                    await self._log.flush(FLUSH)

    async def remove_taskserv(self, action: RemoveTaskserv) -> ActionResult:
        with as_activity_failure():
            async with heartbeat():
                try:
                    return await self._remove(action)
                except Unavailable:
                    if await self._is_gone(action.server):
                        note = f"server {action.server.key} is gone, and {action.name} with it"
                        return ActionResult(server=action.server, note=note)
                    raise
                finally:
                    await self._log.flush(FLUSH)

    async def abandon_install(self, action: InstallTaskserv) -> None:
        await self._abandon(action)

    async def abandon_removal(self, action: RemoveTaskserv) -> None:
        await self._abandon(action)

    async def _install(self, action: InstallTaskserv) -> ActionResult:
        service = self._catalogue.get(action.name).service
        service.check(action.params)
        attempt = await self._host.begin(action.server, action.name, action.key)
        before = attempt.before
        params = service.resolve(before.params if before else {}, action.params)
        after = Installation(name=action.name, params=params, owner=before.owner if before else action.key)
        await self._perform(action, attempt, after, params)
        where = f"{action.server.key} ({_address(action.server, self._port(action.name, params))})"
        if before == after:
            note = f"{action.name} is already installed on {where}, unchanged"
            return ActionResult(server=action.server, note=note)
        kind = EffectKind.TASKSERV_CONFIGURED if before else EffectKind.TASKSERV_INSTALLED
        verb = "reconfigured" if before else "installed"
        effect = self._effect(action, kind, before, after)
        return ActionResult(effects=(effect,), server=action.server, note=f"{verb} {action.name} on {where}")

    async def _remove(self, action: RemoveTaskserv) -> ActionResult:
        self._catalogue.get(action.name)
        attempt = await self._host.begin(action.server, action.name, action.key)
        before = attempt.before
        if before is None:
            await self._host.close(action.server, action.name, attempt)
            note = f"{action.name} was not installed on {action.server.key}"
            return ActionResult(server=action.server, note=note)
        await self._perform(action, attempt, None, before.params)
        effect = self._effect(action, EffectKind.TASKSERV_REMOVED, before, None)
        note = f"removed {action.name} from {action.server.key}"
        return ActionResult(effects=(effect,), server=action.server, note=note)

    async def _perform(
        self, action: TaskservAction, attempt: Attempt, after: Installation | None, params: Params
    ) -> None:
        """Runs the action's job to its good end, or takes it back."""
        wanted = action.params if isinstance(action, InstallTaskserv) else {}
        entry = self._catalogue.get(action.name)
        work = Work(
            errand=Errand.INSTALL if after else Errand.REMOVE,
            job_id=attempt.job_id,
            server=action.server,
            cause=action.cause,
            before=attempt.before,
            after=after,
            params=params,
            start_timeout=entry.service.start_timeout(wanted),
        )
        async with self._taken_back_when_cancelled(action, attempt):
            report = await self._host.perform(work, entry, self._log)
        await self._judge(action, attempt, report)

    async def _judge(self, action: TaskservAction, attempt: Attempt, report: Report) -> None:
        match report.verdict:
            case Verdict.DONE:
                return
            case Verdict.LATER:
                raise Unavailable(f"could not {action.summary} for now:\n{report.tail}")
            case Verdict.CHANGED:
                await self._host.close(action.server, action.name, attempt)
                raise Unavailable(f"could not {action.summary}: it was changed by another task meanwhile")
            case Verdict.NEEDED:
                await self._host.close(action.server, action.name, attempt)
                raise Conflict(f"could not {action.summary}: {report.tail}")
            case Verdict.FAILED:
                # Nobody else knows of what a failed attempt left behind.
                reason = f"could not {action.summary}:\n{report.tail}"
                try:
                    async with self._taken_back_when_cancelled(action, attempt):
                        await self._take_back(action, attempt)
                except ActionFailed as error:
                    raise ActionFailed(f"{reason}\nand then {error.message}") from error
                raise ActionFailed(reason)

    @contextlib.asynccontextmanager
    async def _taken_back_when_cancelled(
        self, action: TaskservAction, attempt: Attempt
    ) -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            # A worker that shuts down leaves the job running, for the next attempt to attach to.
            if details is not None and details.cancel_requested:
                undoing = asyncio.create_task(self._take_back(action, attempt))
                try:
                    async with asyncio.timeout(TAKING_BACK):
                        await asyncio.shield(undoing)
                except (ProvisioningError, TimeoutError) as error:
                    activity.logger.warning("left for the abandoning activity: %s", error)
                finally:
                    undoing.cancel()
            raise

    async def _abandon(self, action: TaskservAction) -> None:
        with as_activity_failure():
            async with heartbeat():
                try:
                    attempt = await self._host.peek(action.server, action.name, action.key)
                    if attempt is not None:
                        await self._take_back(action, attempt)
                except Unavailable:
                    if not await self._is_gone(action.server):
                        raise
                finally:
                    await self._log.flush(FLUSH)

    async def _take_back(self, action: TaskservAction, attempt: Attempt) -> None:
        """Ends the attempt's job and brings back what it found, if it has touched anything."""
        entry = self._catalogue.get(action.name)
        await self._host.stop(action.server, attempt.job_id)
        wanted = action.params if isinstance(action, InstallTaskserv) else {}
        before = attempt.before
        work = Work(
            errand=Errand.UNDO,
            job_id=f"{attempt.job_id}.undo",
            server=action.server,
            cause=action.cause,
            before=before,
            after=None,
            params=before.params if before else entry.service.resolve({}, wanted),
            start_timeout=entry.service.health.timeout,
            undoes=attempt.job_id,
        )
        report = await self._host.perform(work, entry, self._log)
        if report.verdict is Verdict.LATER:
            raise Unavailable(f"could not take back '{action.summary}' for now:\n{report.tail}")
        if report.verdict is not Verdict.DONE:
            raise ActionFailed(f"could not take back '{action.summary}':\n{report.tail}")
        await self._host.close(action.server, action.name, attempt)

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
            address=_address(server, self._port(installation.name, installation.params)),
            owner=installation.owner,
        )

    def _port(self, name: str, params: Params) -> int:
        port = params[self._catalogue.get(name).service.port_parameter]
        if not isinstance(port, int):
            raise TypeError(f"the port of {name} is {port!r}")
        return port


def _address(server: Server, port: int) -> str:
    return f"{server.ssh.host}:{port}"
