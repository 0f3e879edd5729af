"""The locks of one infra: a workflow that runs for as long as somebody holds or wants one.

Temporal delivers what is asked and granted, so a lock survives the death of any process, needs no database,
and is seen in the UI. A holder gives its lock back when it ends; of one that cannot any more, since it was
terminated by hand, it is found out as soon as somebody waits for it.
"""

import asyncio
from datetime import timedelta

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from workflows.contracts.locks import LockActivities
from workflows.domain.locks import Lock, LockNews, LockRequest, LockTable
from workflows.policies import LOOK_UP

IDLE = timedelta(seconds=10)
"""How long a list that was begun waits to be asked for its first lock."""

CHECK = timedelta(seconds=10)
"""How often it is looked whether those still run for whom others wait."""


_ASKED_MEANWHILE = "holder-that-asked-meanwhile-stays"


def locks_id(infra: str) -> str:
    """The workflow that keeps the locks of an infra."""
    return f"locks/{infra}"


class LocksInput(BaseModel):
    """The infra, and where an earlier run left its list."""

    infra: str
    locks: tuple[Lock, ...] = ()


@workflow.defn
class LocksWorkflow:
    """Keeps the list of an infra's locks."""

    @workflow.init
    def __init__(self, request: LocksInput) -> None:
        self._infra = request.infra
        self._table = LockTable(request.locks)
        self._told: dict[str, LockNews] = {}
        self._asked = bool(request.locks)
        self._wake = asyncio.Event()

    @workflow.run
    async def run(self, request: LocksInput) -> None:
        while True:
            self._table.grant(workflow.now())
            await self._tell()
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                self._table.grant(workflow.now())
                workflow.continue_as_new(LocksInput(infra=request.infra, locks=self._table.locks))
            if self._asked and not self._table.locks and workflow.all_handlers_finished():
                return
            if not await self._woken():
                self._asked = True
                await self._remove_ended(self._table.blocking())

    @workflow.signal
    def ask(self, request: LockRequest) -> None:
        """A running workflow asks for a lock, and is told when it has it."""
        self._table.ask(request)
        self._told.pop(request.holder, None)
        self._asked = True
        self._wake.set()

    @workflow.signal
    def release(self, holder: str) -> None:
        """Gives a lock back, or the place among those who wait."""
        self._table.remove(holder)
        self._told.pop(holder, None)
        self._wake.set()

    @workflow.signal
    def withdraw(self, holder: str) -> None:
        """Gives back what `ask_now` took, unless the holder runs by now and has asked by itself."""
        self._table.withdraw(holder)
        self._wake.set()

    @workflow.update
    async def ask_now(self, request: LockRequest) -> list[Lock]:
        """A lock at once or not at all, for one that is not running yet: the locks in its way, or none."""
        self._asked = True
        in_the_way = self._table.in_the_way(request)
        if in_the_way:
            await self._remove_ended([lock for lock in in_the_way if lock.held])
            in_the_way = self._table.in_the_way(request)
        if not in_the_way:
            self._table.ask(request, listening=False)
            self._table.grant(workflow.now())
        self._wake.set()
        return in_the_way

    @workflow.query
    def locks(self) -> list[Lock]:
        """In the order in which they were asked for."""
        return list(self._table.locks)

    async def _woken(self) -> bool:
        """False where nothing came for so long that it is time for a look."""
        patience = CHECK if self._table.waiting else None if self._asked else IDLE
        try:
            await workflow.wait_condition(self._wake.is_set, timeout=patience)
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    async def _tell(self) -> None:
        """Tells whom it concerns; an execution that is not there any more gives its place up."""
        workflow.set_current_details(_details(self._table.locks))
        news = self._table.news(self._infra)
        fresh = {holder: told for holder, told in news.items() if self._told.get(holder) != told}
        self._told |= fresh
        await asyncio.gather(*(self._send(holder, told) for holder, told in fresh.items()))

    async def _send(self, holder: str, news: LockNews) -> None:
        try:
            await workflow.get_external_workflow_handle(holder).signal("lock_news", news)
        except (ApplicationError, FailureError):
            # It has ended. What it started may still work, so its lock is left to the check.
            workflow.logger.info("holder %s cannot be told of its lock", holder)

    async def _remove_ended(self, locks: list[Lock]) -> None:
        if not locks:
            return
        try:
            ended = await workflow.execute_activity_method(
                LockActivities.ended_holders, locks, summary="who still works", **LOOK_UP
            )
        except ActivityError:
            return
        looked_at = {lock.holder: lock for lock in locks}
        for holder in ended:
            now = self._table.of(holder)
            # It was begun while it was asked about, and has asked by itself.
            if now not in (None, looked_at[holder]) and workflow.patched(_ASKED_MEANWHILE):
                continue
            self.release(holder)


def _details(locks: tuple[Lock, ...]) -> str:
    heading = ("| | since (UTC) | who | workflow | servers |", "|---|---|---|---|---|")
    return "\n".join([*heading, *(_row(lock) for lock in locks[:50])])


def _row(lock: Lock) -> str:
    state = "held" if lock.held else "waits"
    servers = "all" if lock.names is None else ", ".join(lock.names[:10])
    return f"| {state} | {lock.since:%Y-%m-%d %H:%M:%S} | {lock.what} | {lock.holder} | {servers} |"
