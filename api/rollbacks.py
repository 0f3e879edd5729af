"""Going back: what is checked and locked before a rollback starts, and its answer."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from activities.ports import Claim, ReadModel, User
from activities.rollback_planning import RollbackPlan, RollbackPlanner
from activities.rollback_ports import RollbackStore
from api.idempotency import Once
from api.locks import Locks
from api.orchestrator import Orchestrator
from api.schemas.rollback import RollbackRequest, RollbackResult
from workflows.domain.acceptance import rollback_record
from workflows.domain.errors import Conflict, Unavailable
from workflows.domain.records import TaskRecord
from workflows.domain.rollbacks import RollbackOutcome, RollbackSpec

log = logging.getLogger(__name__)

_ROUNDS = 5
"""How often a rollback is planned anew because other servers are concerned than were locked for it."""

_MAX_NAMED = 5

Gone = Callable[[], Awaitable[bool]]
"""Whether the client has left."""


class Rollbacks:
    """The life of a rollback as far as HTTP has a say in it."""

    def __init__(
        self,
        planner: RollbackPlanner,
        store: RollbackStore,
        rows: ReadModel,
        orchestrator: Orchestrator,
        locks: Locks,
    ) -> None:
        self._planner = planner
        self._store = store
        self._rows = rows
        self._orchestrator = orchestrator
        self._locks = locks

    async def preview(self, request: RollbackRequest) -> RollbackResult:
        """What would be undone, in order, as things stand. Raises as `execute` does; who works there may."""
        return RollbackResult.preview((await self._plan(request)).undoings)

    async def execute(
        self, request: RollbackRequest, user: User, once: Once, client_is_gone: Gone
    ) -> RollbackResult:
        """Carries a rollback out, once for what `once` stands for, and answers when it has ended.

        Raises:
            NotFound: there is no such checkpoint or operation.
            Conflict: something stands on what would be undone, or somebody works there.
            Unavailable: Temporal or MongoDB is away.
        """

        async def admit() -> None:
            """All that can be wrong depends on the moment, and is told from `work`."""

        async def work(_: None, claim: Claim) -> RollbackResult:
            # What has a row was started before, by somebody with the same claim.
            if await self._rows.task(claim.work_id) is None:
                await self._start(request, user, claim)
            return RollbackResult.of(claim.work_id, await self._outcome(claim.work_id, client_is_gone))

        return await once.run(RollbackResult, admit, work)

    async def _outcome(self, rollback_id: str, client_is_gone: Gone) -> RollbackOutcome:
        while True:
            outcome = await self._orchestrator.rollback_outcome(rollback_id)
            if outcome is not None:
                return outcome
            if await client_is_gone():
                raise Unavailable(f"rollback {rollback_id} goes on; see /tasks/{rollback_id}")

    async def _start(self, request: RollbackRequest, user: User, claim: Claim) -> None:
        identity = claim.work_id
        if await self._orchestrator.exists(identity):
            return
        plan = await self._locked(identity, request)
        try:
            spec = _spec(identity, plan, user, claim)
            await self._store.keep_plan(spec.plan_id, plan.parts())
            await self._orchestrator.start_rollback(spec)
        except BaseException:
            await self._locks.withdraw(identity, plan.touched)
            raise
        try:
            await self._rows.accept_task(rollback_record(spec))
        except Unavailable as error:
            log.warning("rollback %s runs and is written down later: %s", identity, error.message)

    async def _locked(self, identity: str, request: RollbackRequest) -> RollbackPlan:
        """A plan that holds: nobody else works on what it touches from before it was made.

        Raises:
            Conflict: naming who works there.
        """
        plan = await self._plan(request)
        for _ in range(_ROUNDS):
            await self._locks.take_now(identity, plan.name, plan.touched)
            try:
                under_lock = await self._plan(request)
            except BaseException:
                await self._locks.withdraw(identity, plan.touched)
                raise
            if under_lock.servers == plan.servers:
                return under_lock
            await self._locks.withdraw(identity, plan.touched)
            plan = under_lock
        raise Conflict("what would be undone changes all the time; wait for the work in progress")

    async def _plan(self, request: RollbackRequest) -> RollbackPlan:
        if request.is_full:
            return await self._planner.to_checkpoint(str(request.checkpoint_id))
        plan = await self._planner.of_operations(list(dict.fromkeys(request.operation_ids)))
        await self._refuse_unended(plan.unended)
        return plan

    async def _refuse_unended(self, tasks: Sequence[TaskRecord]) -> None:
        """What has done nothing yet is locked by nobody, and may do it after the rollback."""
        ids = sorted({task.batch_id or task.id for task in tasks})
        running = [one for one in ids if await self._orchestrator.is_running(one)]
        if running:
            named = ", ".join(running[:_MAX_NAMED])
            raise Conflict(f"what would be undone is still in progress; wait for it or cancel it: {named}")


def _spec(identity: str, plan: RollbackPlan, user: User, claim: Claim) -> RollbackSpec:
    specs = [undoing.effect.server.spec for undoing in plan.undoings]
    return RollbackSpec(
        rollback_id=identity,
        name=plan.name,
        args=plan.args,
        infra=_only({spec.infra for spec in specs}),
        provider=_only({spec.provider for spec in specs}),
        plan_id=str(uuid4()),
        planned_at=plan.planned_at,
        steps=len(plan.undoings),
        parts=len(plan.parts()),
        touched=plan.touched,
        requested_by=user.username,
        created_at=claim.created_at,
    )


def _only(values: set[str]) -> str:
    return values.pop() if len(values) == 1 else ""
