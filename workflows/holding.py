"""A holder's side of locks: asks for what it is going to touch, waits for it, and gives it back."""

import asyncio
from collections.abc import Callable, Sequence

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from workflows.contracts.locks import LockActivities, LockWanted
from workflows.domain.locks import LockNews, requests, waits_for
from workflows.domain.touching import Touch
from workflows.locks import locks_id
from workflows.policies import RECORD
from workflows.reporting import insist


class Holding:
    """The locks of one workflow.

    Args:
        what: the workflow in a few words for people.
        touched: what it may touch.
        held: infras whose locks an earlier run got; is kept up to date.
        changed: is called when there is something new to tell of the waiting.
    """

    def __init__(
        self, what: str, touched: Sequence[Touch], held: list[str], changed: Callable[[], None]
    ) -> None:
        self._what = what
        self._touched = touched
        self._held = held
        self._changed = changed
        self._news: LockNews | None = None
        self._asked: list[str] = list(held)
        self._given_up = False
        self.is_over = False
        """Whether others may touch by now what it touched."""
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> str | None:
        """Whom it waits for; None where it does not."""
        if self._news is None or self._news.held or self._given_up:
            return None
        return waits_for(self._news)

    def heard(self, news: LockNews) -> None:
        """Takes in what the list of an infra tells."""
        if news.held and news.infra not in self._held:
            self._held.append(news.infra)
        self._news = news
        self._wake.set()
        if not news.held:
            self._changed()

    def give_up(self) -> None:
        """Waits no longer."""
        self._given_up = True
        self._wake.set()

    async def take(self) -> bool:
        """All locks, one infra after another; False where it gave up before it had them."""
        workflow_id = workflow.info().workflow_id
        for infra, request in requests(workflow_id, self._what, self._touched, workflow.now()):
            if self._given_up:
                return False
            if infra in self._held:
                continue
            self._asked.append(infra)
            wanted = LockWanted(infra=infra, request=request)
            await insist(lambda wanted=wanted: _ask(wanted))  # type: ignore[misc]
            while infra not in self._held and not self._given_up:
                self._wake.clear()
                await self._wake.wait()
        return not self._given_up

    async def release(self) -> None:
        """Gives back what it holds, and the places where it waits."""
        self.is_over = True
        holder = workflow.info().workflow_id
        await asyncio.gather(*(_release(infra, holder) for infra in self._asked))
        self._asked.clear()
        self._held.clear()


async def _ask(wanted: LockWanted) -> None:
    await workflow.execute_activity_method(
        LockActivities.ask_for_lock, wanted, summary=f"lock servers of {wanted.infra}", **RECORD
    )


async def _release(infra: str, holder: str) -> None:
    try:
        await workflow.get_external_workflow_handle(locks_id(infra)).signal("release", holder)
    except (ApplicationError, FailureError):
        workflow.logger.warning("the locks of infra %s are kept no more", infra)
