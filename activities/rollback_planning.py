"""Finds out what a rollback must undo, in which order, and what stands in its way. Changes nothing."""

from collections.abc import Mapping, Sequence

from activities.ledger_ports import Ledger
from activities.ports import ReadModel
from activities.rollback_operations import OperationFinder, joined
from activities.rollback_ports import CheckpointStore
from workflows.domain.command_lines import rollback_of, rollback_to
from workflows.domain.errors import Conflict, NotFound
from workflows.domain.inventory import LedgerEntry
from workflows.domain.records import TaskRecord
from workflows.domain.resources import Frozen
from workflows.domain.rollbacks import PlannedUndo, PlanPart
from workflows.domain.touching import Touch
from workflows.domain.undoing import (
    Undoing,
    at_odds,
    contradictory,
    in_order,
    in_the_way,
    members,
    nearest,
    standing,
)

PART = 200
"""Steps in one part of a plan: far below what one payload, and one run of a workflow, can take."""

_LONGEST_NAME = 255


class RollbackPlan(Frozen):
    """What is undone, in order. Nothing is undone before what was built on it."""

    name: str
    args: tuple[str, ...]
    planned_at: int
    """Where the ledger ended."""
    undoings: tuple[Undoing, ...]
    needs: dict[str, list[str]]
    unended: tuple[TaskRecord, ...] = ()
    """Tasks that it was asked to undo and that have not ended, as far as it is written down."""

    @property
    def servers(self) -> frozenset[str]:
        """The keys of all that it touches."""
        return frozenset(undoing.effect.server.key for undoing in self.undoings)

    @property
    def touched(self) -> tuple[Touch, ...]:
        """All that it touches, infra by infra."""
        names: dict[str, dict[str, None]] = {}
        for undoing in self.undoings:
            spec = undoing.effect.server.spec
            names.setdefault(spec.infra, {})[spec.name] = None
        return tuple(Touch(infra=infra, names=tuple(sorted(names[infra]))) for infra in sorted(names))

    def parts(self) -> list[PlanPart]:
        together = members(self.undoings)
        return [self._part(self.undoings[n : n + PART], together) for n in range(0, len(self.undoings), PART)]

    def _part(self, undoings: Sequence[Undoing], together: Mapping[str, str]) -> PlanPart:
        servers = {undoing.effect.server.key for undoing in undoings}
        tasks = {u.task_id for u in undoings if u.task_id is not None}
        return PlanPart(
            steps=tuple(PlannedUndo(position=u.position, task_id=u.task_id) for u in undoings),
            needs={
                task: tuple(need for need in self.needs.get(task, ()) if need in tasks)
                for task in sorted(tasks)
            },
            members={key: together[key] for key in sorted(servers & together.keys())},
        )


class RollbackPlanner:
    """Plans from the ledger and the read model."""

    def __init__(self, ledger: Ledger, rows: ReadModel, checkpoints: CheckpointStore) -> None:
        self._ledger = ledger
        self._rows = rows
        self._checkpoints = checkpoints
        self._finder = OperationFinder(ledger, rows)

    async def to_checkpoint(self, checkpoint_id: str) -> RollbackPlan:
        """Everything since.

        Raises:
            NotFound: there is no such checkpoint.
        """
        checkpoint = await self._checkpoints.get(checkpoint_id)
        if checkpoint is None:
            raise NotFound(f"there is no checkpoint {checkpoint_id}")
        last, entries = await self._since(checkpoint.position)
        name = f"rollback to {checkpoint.name}"[:_LONGEST_NAME]
        return await self._plan(name, rollback_to(checkpoint_id), last, standing(entries))

    async def of_operations(self, wanted: Sequence[str]) -> RollbackPlan:
        """What some operations did. Each is a task's id, `batch_id/operation_id`, or an operation's id.

        Raises:
            NotFound: some of them do not exist.
            Conflict: an operation's id means several; something stands on what would be undone; or one would
                bring back what another takes the ground from, or another state of the same thing.
        """
        last = (await self._ledger.page(limit=1, offset=0)).total
        meant = await self._finder.meant_by(wanted)
        found = standing(await self._ledger.of_tasks(meant.tasks))
        servers = {undoing.effect.server.key for undoing in found}
        if blocking := in_the_way(found, await self._ledger.of_servers(servers)):
            names = joined(list(dict.fromkeys(_named(undoing) for undoing in blocking)))
            raise Conflict(
                f"others still stand on what would be undone; roll these back too, or first: {names}"
            )
        if hanging := at_odds(found):
            names = joined([taskserv.key for taskserv in hanging])
            raise Conflict(
                "these cannot be undone together, since what some bring back cannot do without what others "
                f"take away: {names}"
            )
        if keys := contradictory(found):
            names = joined([key.replace(":", " ", 1) for key in keys])
            raise Conflict(
                f"these cannot be undone together, since each would bring back another state of {names}"
            )
        name = f"rollback of {joined(wanted, 3)}"[:_LONGEST_NAME]
        plan = await self._plan(name, rollback_of(wanted), last, found)
        return plan.model_copy(update={"unended": meant.unended})

    async def _since(self, position: int) -> tuple[int, list[LedgerEntry]]:
        found: list[LedgerEntry] = []
        while True:
            last, entries = await self._ledger.after(position)
            if last == position:
                return last, found
            found.extend(entries)
            position = last

    async def _plan(
        self, name: str, args: tuple[str, ...], planned_at: int, found: Sequence[Undoing]
    ) -> RollbackPlan:
        tasks = {u.task_id for u in found if u.task_id is not None}
        causes = (u.effect.cause for u in found)
        batches = sorted({cause.batch_id for cause in causes if cause.batch_id is not None})
        rows = await self._rows.tasks_of(batches) if len(tasks) > 1 else ()
        needs = nearest({row.id: row.dependencies for row in rows}, sorted(tasks))
        undoings = tuple(in_order(found, needs))
        return RollbackPlan(name=name, args=args, planned_at=planned_at, undoings=undoings, needs=needs)


def _named(undoing: Undoing) -> str:
    cause = undoing.effect.cause
    if undoing.task_id == cause.task_id and cause.batch_id and cause.operation_id:
        return f"{cause.batch_id}/{cause.operation_id}"
    return undoing.task_id or cause.task_id
