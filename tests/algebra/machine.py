"""Random lives of a product, each step of which must leave it as the model says."""

import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, ClassVar, Protocol
from uuid import uuid4

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.algebra.agreement import differences, expected_inventory, inventory
from tests.algebra.batches import OPERATION_IDS, REQUIRES, Batch, Draw, draw_batch, with_failure
from tests.algebra.model import Checkpoint, Model, Refusal
from tests.algebra.world import Answer, Product

_SETTLED_WITHIN = 30.0
"""Seconds for what is just ending, or just starting, on a busy machine."""

_RECENT = 6
"""Tasks and checkpoints that are chosen from mostly: what is old is mostly built upon."""


_IDLE = 10
"""Questions in a row after which a life is given up: Hypothesis begins with one of nothing else."""

Deed = Callable[[Draw], None]

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Opener(Protocol):
    def __call__(self) -> AbstractContextManager[Product]:
        """A new one, which is gone with the context."""


class Algebra(RuleBasedStateMachine):
    """Whatever is done, and undone, and done again: world, inventory, ledger and model are one."""

    open_product: ClassVar[Opener]
    steps: ClassVar[Counter[str]]
    """How often each kind of step was taken, over all lives."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._product = self._stack.enter_context(type(self).open_product())
        self._model = Model(REQUIRES)
        self._checkpoints: list[tuple[str, Checkpoint]] = []
        self._ids: dict[str, str] = {}
        """Batch and operation, as `batch_id/operation_id`, of each task that is an operation."""
        self._labels: dict[str, str] = {}
        """What tasks and batches are called in what is printed, where an id tells nobody anything."""
        self._taken = 0
        self._idle = 0
        with self._stack.pop_all() as opened:
            self._checkpoint()
            self._stack = opened.pop_all()

    def teardown(self) -> None:
        self._stack.close()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """With something that can be undone."""
        self._run_a_batch(data.draw)

    @rule(data=st.data())
    def do_something(self, data: st.DataObject) -> None:
        """One rule for all: of several, Hypothesis leaves some out of a whole life, and be it all batches."""
        deed = data.draw(st.sampled_from(self._deeds()))
        self._idle = self._idle + 1 if deed == self._ask_for_what_is_not_there else 0
        if self._idle > _IDLE:
            reject()
        deed(data.draw)

    def _deeds(self) -> list[Deed]:
        """What can be done now, the more often the more likely, and first what changes nothing."""
        changed = self._checkpoints[-1][1].world != self._model.world
        return [
            self._ask_for_what_is_not_there,
            *3 * [self._run_a_batch],
            self._run_a_batch_that_fails,
            *2 * changed * [self._take_checkpoint],
            *bool(self._left) * [self._go_back],
            *2 * [self._undo_tasks],
            *2 * bool(self._free) * [self._undo_what_nothing_stands_on],
            *2 * bool(self._model.rollbacks) * [self._undo_a_rollback],
        ]

    # Forward

    def _run_a_batch(self, draw: Draw) -> None:
        self._run(draw_batch(draw, self._model.world))

    def _run_a_batch_that_fails(self, draw: Draw) -> None:
        world = self._model.world
        self._run(with_failure(draw, draw_batch(draw, world), world))

    def _take_checkpoint(self, draw: Draw) -> None:  # noqa: ARG002 - there is nothing to choose
        self._say(f"checkpoint {len(self._checkpoints)}")
        self._checkpoint()

    # Back

    def _go_back(self, draw: Draw) -> None:
        number = draw(st.sampled_from(_recent_first(self._left)))
        identity, moment = self._checkpoints[number]
        chosen = self._model.back_to(moment)
        self._say(f"back to checkpoint {number}")
        self._roll_back({"checkpoint_id": identity}, chosen, look_first=draw(st.booleans()))
        assert self._model.world == moment.world

    def _undo_tasks(self, draw: Draw) -> None:
        known = st.sampled_from(_recent_first(self._tasks))
        tasks = draw(st.lists(known, min_size=1, max_size=3, unique=True))
        names = [draw(st.sampled_from(self._names(task))) for task in tasks]
        self._undo(names, look_first=draw(st.booleans()))

    def _undo_a_rollback(self, draw: Draw) -> None:
        rollback = draw(st.sampled_from(_recent_first(self._model.rollbacks)))
        self._undo([rollback], look_first=draw(st.booleans()))

    def _undo_what_nothing_stands_on(self, draw: Draw) -> None:
        task = draw(st.sampled_from(_recent_first(self._free)))
        self._undo([draw(st.sampled_from(self._names(task)))], look_first=draw(st.booleans()))

    def _ask_for_what_is_not_there(self, draw: Draw) -> None:
        nobody = str(uuid4())
        questions: list[tuple[dict[str, object], int]] = [
            ({"checkpoint_id": nobody}, 404),
            ({"operation_ids": [nobody]}, 404),
            ({"operation_ids": [f"{nobody}/first"]}, 404),
            ({"operation_ids": ["never"]}, 404),
            ({"operation_ids": []}, 422),
            ({}, 422),
        ]
        body, status = draw(st.sampled_from(questions))
        self._say(f"ask for {body}")
        answer = self._product.post("/rollback/execute", body)
        assert answer.status == status, answer

    # What must be true

    @invariant()
    def all_agree(self) -> None:
        seen = self._product.look()
        world = self._model.world
        assert inventory(seen) == expected_inventory(world, self._product.infra)
        assert (seen.rebuild["found"], seen.rebuild["unreadable"]) == (0, []), seen.rebuild
        assert seen.rebuild["position"] == self._model.turns, (seen.rebuild, self._model.turns)
        deadline = time.monotonic() + _SETTLED_WITHIN
        while wrong := differences(seen, world, self._product.infra):
            assert time.monotonic() < deadline, wrong
            time.sleep(0.1)
            seen = self._product.look()

    # How it is done

    def _checkpoint(self) -> None:
        answer = self._product.post("/rollback/checkpoints", {"name": f"moment {len(self._checkpoints)}"})
        assert answer.status == 200, answer
        self._checkpoints.append((answer.data, self._model.checkpoint()))

    @property
    def _tasks(self) -> list[str]:
        return [*self._model.operations, *self._model.rollbacks]

    def _run(self, batch: Batch) -> None:
        self._say(f"batch {batch}")
        result = self._product.submit(batch.body(self._product.infra))
        assert result["status"] == ("Failed" if batch.fails else "Completed"), result
        assert "remaining" not in result, result
        tasks = {operation["id"]: operation["task_id"] for operation in result["operations"]}
        for name, task in tasks.items():
            self._model.operations[task] = name
            self._ids[task] = f"{result['batch_id']}/{name}"
            self._labels |= {task: f"<{self._taken}/{name}>", result["batch_id"]: f"<{self._taken}>"}
        for operation in batch.operations:
            for thing, after in operation.effects:
                self._model.change(tasks[operation.id], thing, after)
        if batch.fails and batch.rollback_enabled:
            self._model.take_back(tasks.values())

    def _names(self, task: str) -> list[str]:
        """The ways to say which task is meant."""
        if task not in self._ids:
            return [task]
        return [task, self._ids[task], self._model.operations[task]]

    @property
    def _free(self) -> list[str]:
        """The tasks that could be undone, and of whose doing something is left."""
        found = {task: self._model.of_tasks([task]) for task in self._tasks}
        return [task for task, chosen in found.items() if chosen and not isinstance(chosen, Refusal)]

    @property
    def _left(self) -> list[int]:
        """The checkpoints at which something was otherwise."""
        moments = [moment for _, moment in self._checkpoints]
        return [number for number, moment in enumerate(moments) if self._model.back_to(moment)]

    def _undo(self, names: Sequence[str], *, look_first: bool) -> None:
        self._say(f"undo {', '.join(names)}")
        self._roll_back({"operation_ids": names}, self._meant(names), look_first=look_first)

    def _meant(self, names: Sequence[str]) -> list[int] | Refusal:
        tasks: list[str] = []
        for name in names:
            if name in OPERATION_IDS or name == "fails":
                found = self._model.of_operation(name)
                if len(found) > 1:
                    return Refusal(409, f"{name} means {found}")
                tasks += found
            else:
                tasks += [task for task in self._tasks if name in self._names(task)]
        return self._model.of_tasks(tasks)

    def _roll_back(self, body: dict[str, object], expected: list[int] | Refusal, *, look_first: bool) -> None:
        if look_first:
            preview = self._product.post("/rollback/execute?dry_run=true", body)
            self._check_preview(preview, expected)
        answer = self._product.post("/rollback/execute", body)
        if isinstance(expected, Refusal):
            self._say(f"  refused: {expected.why}")
            assert answer.status == expected.status, (answer, expected)
            return
        self._say(f"  undone: {', '.join(self._things(expected)) or 'nothing'}")
        assert answer.status == 200, answer
        result = answer.data
        done = (result["operations_executed"], result["operations_failed"], result["success"])
        assert done == (len(expected), 0, True), result
        self._model.rollbacks.append(result["rollback_id"])
        self._labels[result["rollback_id"]] = f"<{self._taken}>"
        self._model.turn_over(expected, result["rollback_id"])

    def _check_preview(self, preview: Answer, expected: list[int] | Refusal) -> None:
        if isinstance(expected, Refusal):
            assert preview.status == expected.status, (preview, expected)
            return
        assert preview.status == 200, preview
        steps = [step["resource"] for step in preview.data["would_undo"]]
        would = [step.removeprefix(f"{self._product.infra}/") for step in steps]
        assert sorted(would) == sorted(self._things(expected)), would
        assert not (why := self._model.objection(expected, would)), (why, would)

    def _things(self, changes: Sequence[int]) -> list[str]:
        return [str(self._model.changes[number].thing) for number in changes]

    def _say(self, what: str) -> None:
        if not what.startswith(" "):
            self.steps[what.split(maxsplit=1)[0]] += 1
            self._taken += 1
        for identity in set(_ID.findall(what)):
            what = what.replace(identity, self._labels.get(identity, identity))
        print(f"{self._taken:3} {what}", flush=True)


def _recent_first(things: Collection[Any]) -> list[Any]:
    """The newest ones, newest first, several times over, and then all of them."""
    newest = list(reversed(list(things)))
    return [*newest[:_RECENT], *newest]
