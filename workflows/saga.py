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


async def undo(
    effects: Sequence[Effect], on_effects: OnEffects, made_anew: dict[str, Server] | None = None
) -> list[Remaining]:
    """Takes `effects` (oldest first) back, newest first; servers are independent of each other.

    An undoing that fails for good is skipped, so that the others still run.

    Args:
        effects: what to take back.
        on_effects: is handed the undoing effects as they come.
        made_anew: servers that came back when their deletion was undone, by key; is kept up to date. What
            was done before such a deletion is taken back on the server that is there now.

    Returns:
        What could not be undone.
    """
    by_server: dict[str, list[Effect]] = {}
    for effect in effects:
        by_server.setdefault(effect.server.key, []).append(effect)
    anew = {} if made_anew is None else made_anew
    slots = asyncio.Semaphore(MAX_PARALLEL_ACTIONS)

    async def within_slot(chain: Sequence[Effect]) -> list[Remaining]:
        async with slots:
            return await _undo_chain(chain, on_effects, anew)

    remaining = await asyncio.gather(*(within_slot(chain) for chain in by_server.values()))
    return [one for chain in remaining for one in chain]


async def _undo_chain(
    effects: Sequence[Effect], on_effects: OnEffects, made_anew: dict[str, Server]
) -> list[Remaining]:
    """The effects on one server, which build on each other."""
    remaining: list[Remaining] = []
    for effect in reversed(effects):
        key = effect.server.key
        try:
            result = await perform(inverse(effect, made_anew.get(key)), **UNDO)
        except ActivityError as error:
            remaining.append(Remaining(what=_describe(effect), why=failure_text(error), effect=effect))
            continue
        on_effects(result.effects)
        if effect.kind is EffectKind.SERVER_DELETED and result.server is not None:
            made_anew[key] = result.server
        elif effect.kind is EffectKind.SERVER_CREATED:
            made_anew.pop(key, None)
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
