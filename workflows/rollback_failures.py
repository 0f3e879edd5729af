"""What a rollback could not undo: thousands of it must fit into what one run hands to the next.

So it is kept by its place in the ledger, and only the first ones with their words.
"""

from collections.abc import Sequence
from functools import partial

from pydantic import BaseModel
from temporalio import workflow

from workflows.contracts.rollbacks import RollbackActivities
from workflows.domain.effects import Effect, EffectKind, described
from workflows.domain.overtaking import overtakes
from workflows.domain.resources import Frozen
from workflows.domain.rollbacks import EffectToUndo
from workflows.policies import LOOK_UP
from workflows.reporting import insist

MAX_LISTED = 100
"""What could not be undone is named up to here in the outcome; all of it is in the snapshots."""

_LOOKED_UP = 200
"""Effects in one answer: far below what a payload can take."""


class Failure(Frozen):
    """An effect that stays open."""

    position: int
    key: str


class Failures(BaseModel):
    """All effects that stay open, and why."""

    count: int = 0
    on_servers: dict[str, list[Failure]] = {}
    """By the key of their server, newest first."""
    lines: dict[int, str] = {}
    """What the operator reads, by place in the ledger."""

    def add(self, step: EffectToUndo, why: str) -> str:
        """Notes one, and returns its line."""
        effect, line = step.effect, f"{described(step.effect)}: {why}"
        failure = Failure(position=step.position, key=effect.key)
        self.on_servers.setdefault(effect.server.key, []).append(failure)
        if len(self.lines) < MAX_LISTED:
            self.lines[step.position] = line
        self.count += 1
        return line

    def bars(self, effect: Effect) -> bool:
        """Whether its server is not the one that it was done to, and has to be set back first.

        What is older than the server that is there, or than its deletion, is about another one. To delete
        what is there is all that could be done in spite of that.
        """
        server = effect.server
        return effect.kind is not EffectKind.SERVER_CREATED and any(
            one.key == f"{server.type}:{server.key}" for one in self.on_servers.get(server.key, ())
        )

    def overtaken_by(self, undoing: Effect) -> list[int]:
        """Forgets those for which `undoing` leaves nothing to do; their places, newest first."""
        server = undoing.server.key
        there = self.on_servers.pop(server, [])
        gone = [one for one in there if overtakes(undoing, one.key, server)]
        if len(gone) < len(there):
            self.on_servers[server] = [one for one in there if not overtakes(undoing, one.key, server)]
        for one in gone:
            self.lines.pop(one.position, None)
        self.count -= len(gone)
        return [one.position for one in gone]


async def effects_at(positions: Sequence[int]) -> list[Effect]:
    """What failed, as the ledger keeps it."""
    found: list[Effect] = []
    for start in range(0, len(positions), _LOOKED_UP):
        found += await insist(partial(_look_up, list(positions[start : start + _LOOKED_UP])))
    return found


async def _look_up(positions: list[int]) -> list[Effect]:
    return await workflow.execute_activity_method(
        RollbackActivities.effects_at, positions, summary="what is undone as well", **LOOK_UP
    )
