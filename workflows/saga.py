"""Takes effects back: the one mechanism behind compensation, an operation's own clean-up, and rollback."""

import asyncio
from collections.abc import Callable, Sequence

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.domain.effects import Effect, EffectKind, Remaining, inverse
from workflows.domain.identity import effect_id
from workflows.domain.resources import Server, Taskserv
from workflows.failure_text import failure_text
from workflows.performing import perform
from workflows.policies import MAX_PARALLEL_ACTIONS, UNDO

OnEffects = Callable[[Sequence[Effect]], None]


async def undo(effects: Sequence[Effect], on_effects: OnEffects) -> list[Remaining]:
    """Takes `effects` (oldest first) back, newest first; servers are independent of each other.

    An undoing that fails for good is skipped, so that the others still run.

    Args:
        effects: what to take back.
        on_effects: is handed the undoing effects as they come.

    Returns:
        What could not be undone.
    """
    by_server: dict[str, list[Effect]] = {}
    for effect in effects:
        by_server.setdefault(effect.server.key, []).append(effect)
    slots = asyncio.Semaphore(MAX_PARALLEL_ACTIONS)

    async def within_slot(chain: Sequence[Effect]) -> list[Remaining]:
        async with slots:
            return await _undo_chain(chain, on_effects)

    remaining = await asyncio.gather(*(within_slot(chain) for chain in by_server.values()))
    return [one for chain in remaining for one in chain]


async def _undo_chain(effects: Sequence[Effect], on_effects: OnEffects) -> list[Remaining]:
    """The effects on one server, which build on each other."""
    server_now: Server | None = None
    remaining: list[Remaining] = []
    for effect in reversed(effects):
        try:
            result = await perform(inverse(effect, server_now), **UNDO)
        except ActivityError as error:
            remaining.append(Remaining(what=_describe(effect), why=failure_text(error), effect=effect))
            continue
        on_effects(result.effects)
        if effect.kind is EffectKind.SERVER_DELETED:
            server_now = result.server
    return remaining


def gone_with_servers(
    remaining: Sequence[Remaining], undoing: Sequence[Effect]
) -> tuple[list[Remaining], list[Effect]]:
    """What could not be removed from a server is gone once the server itself is.

    Args:
        remaining: what could not be undone.
        undoing: the undoing effects that were carried out.

    Returns:
        What still remains, and the undoing effects of what went down with its server.
    """
    deleted = {e.server.key for e in undoing if e.kind is EffectKind.SERVER_DELETED}
    gone = [
        r.effect
        for r in remaining
        if r.effect is not None and isinstance(r.effect.after, Taskserv) and r.effect.server.key in deleted
    ]
    still = [r for r in remaining if r.effect is None or r.effect not in gone]
    return still, [_gone_with_server(effect) for effect in gone]


def _gone_with_server(effect: Effect) -> Effect:
    return Effect(
        id=effect_id(effect.id, EffectKind.TASKSERV_REMOVED, effect.resource.key),
        kind=EffectKind.TASKSERV_REMOVED,
        cause=effect.cause.model_copy(update={"undoes": effect.id}),
        at=workflow.now(),
        before=effect.after,
    )


def _describe(effect: Effect) -> str:
    return f"{effect.kind.value.replace('_', ' ')} {effect.resource.key}"
