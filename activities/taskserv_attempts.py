"""Works through an attempt at an action on a server: to its good end, or back to what was there before it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from temporalio import activity

from activities.catalogue.catalogue import Catalogue, Entry
from activities.ports import LogSink
from activities.taskserv_host import Attempt, Errand, Installation, Report, TaskservHost, Verdict, Work
from activities.taskserv_invitations import Invitations
from activities.taskserv_neighbours import Neighbours
from workflows.contracts.taskservs import TaskservAction
from workflows.domain.actions import RemoveTaskserv, RestartTaskserv
from workflows.domain.errors import ActionFailed, Conflict, NotFound, ProvisioningError, Unavailable
from workflows.domain.resources import Params

TAKING_BACK = 120.0
"""Seconds that a cancelled activity takes to bring back what was there; what it can't, `abandon_*` does."""


class Attempts:
    def __init__(
        self,
        catalogue: Catalogue,
        host: TaskservHost,
        log: LogSink,
        invitations: Invitations,
        neighbours: Neighbours,
    ) -> None:
        self._catalogue = catalogue
        self._host = host
        self._log = log
        self._invitations = invitations
        self._neighbours = neighbours

    async def begin(self, action: TaskservAction) -> Attempt:
        """The open attempt at the action, begun now if there is none.

        Raises:
            Unavailable: not for now.
            ActionFailed: one that failed stands there, and could not be taken back now either.
        """
        attempt = await self._host.begin(action.server, action.name, action.key)
        if attempt.failed:
            # What could not be taken back then may be now, and then the action be tried anew.
            await self.take_back(action, attempt)
            attempt = await self._host.begin(action.server, action.name, action.key)
        return attempt

    async def perform(
        self,
        action: TaskservAction,
        attempt: Attempt,
        errand: Errand,
        after: Installation | None,
        params: Params,
    ) -> None:
        """Runs the action's job to its good end, or takes it back.

        Raises:
            NotFound: there is nothing to join where it shall join something.
            Unavailable: it cannot be done for now, or somebody else changed the service meanwhile.
            Conflict: other services need this one.
            ActionFailed: it failed for good, and was taken back; or not, and the message says so.
        """
        entry = self._catalogue.get(action.name)
        joins = errand is Errand.INSTALL and attempt.before is None
        work = Work(
            errand=errand,
            job_id=attempt.job_id,
            server=action.server,
            cause=action.cause,
            before=attempt.before,
            after=after,
            params=params,
            start_timeout=entry.service.start_timeout(_wanted(action)),
            hosts=await self._hosts(action, entry, params, all_of_them=errand is Errand.INSTALL),
            invitation=await self._invitation(action, entry, params) if joins else "",
        )
        async with self._taken_back_when_cancelled(action, attempt):
            report = await self._host.perform(work, entry, self._log)
        await self._judge(action, attempt, report)

    async def take_back(self, action: TaskservAction, attempt: Attempt) -> None:
        """Ends the attempt's job and brings back what it found, if it has touched anything.

        Raises:
            Unavailable: not for now.
            ActionFailed: it failed for good.
        """
        entry = self._catalogue.get(action.name)
        await self._host.stop(action.server, attempt.job_id)
        work = _undoing(action, attempt, entry)
        hosts = await self._hosts(action, entry, work.params, all_of_them=False)
        work = work.model_copy(update={"hosts": hosts})
        if isinstance(action, RemoveTaskserv) and attempt.before is not None:
            # What was removed may have to join anew; or it was not, and needs nobody who invites it.
            with contextlib.suppress(NotFound):
                invitation = await self._invitation(action, entry, work.params)
                work = work.model_copy(update={"invitation": invitation})
        report = await self._host.perform(work, entry, self._log)
        if report.verdict is Verdict.LATER:
            raise Unavailable(f"could not take back '{action.summary}' for now:\n{report.tail}")
        if report.verdict is not Verdict.DONE:
            raise ActionFailed(f"could not take back '{action.summary}':\n{report.tail}")
        await self._host.close(action.server, action.name, attempt)

    async def _invitation(self, action: TaskservAction, entry: Entry, params: Params) -> str:
        return await self._invitations.wanted_by(entry.service, params, action.server)

    async def _hosts(
        self, action: TaskservAction, entry: Entry, params: Params, *, all_of_them: bool
    ) -> dict[str, tuple[str, ...]]:
        found = self._neighbours.named_by(entry.service, params, action.server, all_of_them=all_of_them)
        try:
            return await found
        except NotFound as error:
            if action.cause.undoes is None:
                raise
            # What is undone beside this may bring it back.
            raise Unavailable(error.message) from error

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
                        await self.take_back(action, attempt)
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
                undoing = asyncio.create_task(self.take_back(action, attempt))
                try:
                    async with asyncio.timeout(TAKING_BACK):
                        await asyncio.shield(undoing)
                except (ProvisioningError, TimeoutError) as error:
                    activity.logger.warning("left for the abandoning activity: %s", error)
                finally:
                    undoing.cancel()
            raise


def _undoing(action: TaskservAction, attempt: Attempt, entry: Entry) -> Work:
    before = attempt.before
    return Work(
        errand=Errand.REVIVE if isinstance(action, RestartTaskserv) else Errand.UNDO,
        job_id=f"{attempt.job_id}.undo",
        server=action.server,
        cause=action.cause,
        before=before,
        after=None,
        params=before.params if before else entry.service.resolve({}, _wanted(action)),
        start_timeout=entry.service.health.timeout,
        undoes=attempt.job_id,
    )


def _wanted(action: TaskservAction) -> Params:
    return {} if isinstance(action, RemoveTaskserv) else action.params
