"""Takes effects back: the one mechanism behind compensation, an operation's own clean-up, and rollback."""

import asyncio
from collections.abc import Callable, Sequence

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.domain.effects import Effect, EffectKind, inverse
from workflows.domain.identity import effect_id
from workflows.domain.resources import Server, Taskserv
from workflows.failure_text import failure_text
from workflows.performing import perform
from workflows.policies import MAX_PARALLEL_ACTIONS, UNDO


async def undo(effects: Sequence[Effect], on_effects: Callable[[Sequence[Effect]], None]) -> list[str]:
    """Takes `effects` (oldest first) back, newest first; servers are independent of each other.

    An undoing that fails for good is skipped, so that the others still run.

    Args:
        effects: what to take back.
        on_effects: is handed the undoing effects as they come.

    Returns:
        What could not be undone, one line for each effect that remains.
    """
    by_server: dict[str, list[Effect]] = {}
    for effect in effects:
        by_server.setdefault(effect.server.key, []).append(effect)
    slots = asyncio.Semaphore(MAX_PARALLEL_ACTIONS)
    chains = [_Chain(chain, on_effects) for chain in by_server.values()]

    async def within_slot(chain: "_Chain") -> list[str]:
        async with slots:
            return await chain.undo()

    remaining = await asyncio.gather(*(within_slot(chain) for chain in chains))
    return [line for lines in remaining for line in lines]


class _Chain:
    """The effects on one server, which build on each other."""

    def __init__(self, effects: Sequence[Effect], on_effects: Callable[[Sequence[Effect]], None]) -> None:
        self._effects = effects
        self._on_effects = on_effects
        self._server_now: Server | None = None
        self._failed: list[tuple[Effect, str]] = []

    async def undo(self) -> list[str]:
        for effect in reversed(self._effects):
            await self._undo_one(effect)
        return [f"{_describe(effect)}: {why}" for effect, why in self._failed]

    async def _undo_one(self, effect: Effect) -> None:
        try:
            result = await perform(inverse(effect, self._server_now), **UNDO)
        except ActivityError as error:
            self._failed.append((effect, failure_text(error)))
            return
        self._on_effects(result.effects)
        if effect.kind is EffectKind.SERVER_DELETED:
            self._server_now = result.server
        if effect.kind is EffectKind.SERVER_CREATED:
            self._went_down_with_the_server()

    def _went_down_with_the_server(self) -> None:
        """What could not be removed from a server is gone once the server is."""
        gone = [effect for effect, _ in self._failed if isinstance(effect.after, Taskserv)]
        self._failed = [(effect, why) for effect, why in self._failed if effect not in gone]
        self._on_effects([_gone_with_server(effect) for effect in gone])


def _gone_with_server(effect: Effect) -> Effect:
    return Effect(
        id=effect_id(effect.id, EffectKind.TASKSERV_REMOVED, effect.resource.key),
        kind=EffectKind.TASKSERV_REMOVED,
        cause=effect.cause.model_copy(update={"undoes": effect.id}),
        at=workflow.now(),
        before=effect.after,
        after=None,
    )


def _describe(effect: Effect) -> str:
    return f"{effect.kind.value.replace('_', ' ')} {effect.resource.key}"
