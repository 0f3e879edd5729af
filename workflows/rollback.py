"""The rollback: undoes what was done, as it was planned."""

import asyncio

from temporalio import workflow

from workflows.domain.locks import LockNews
from workflows.domain.progress import ProgressInfo
from workflows.domain.records import StateSnapshot
from workflows.domain.rollbacks import RollbackOutcome
from workflows.rollback_run import RollbackInput, RollbackRun


@workflow.defn
class RollbackWorkflow:
    """Undoes effects in the order of a plan that is kept in the store."""

    @workflow.init
    def __init__(self, request: RollbackInput) -> None:
        self._run = RollbackRun(request)

    @workflow.run
    async def run(self, request: RollbackInput) -> RollbackOutcome:
        """A cancellation from outside stops it between two undoings, and is an outcome like others."""
        engine = asyncio.create_task(self._run.run())
        while not engine.done():
            try:
                await asyncio.shield(engine)
            except asyncio.CancelledError:
                self._run.cancel(workflow.cancellation_reason() or "cancelled")
        outcome = engine.result()
        if outcome is None:
            workflow.continue_as_new(RollbackInput(spec=request.spec, state=self._run.hand_over()))
        return outcome

    @workflow.signal
    def cancel(self, reason: str) -> None:
        self._run.cancel(reason)

    @workflow.signal
    def lock_news(self, news: LockNews) -> None:
        self._run.heard(news)

    @workflow.query
    def progress(self) -> ProgressInfo:
        return self._run.progress

    @workflow.query
    def snapshots(self) -> list[StateSnapshot]:
        """Those that the storage may not have yet."""
        return self._run.snapshots
