"""Takes effects back: the one mechanism behind compensation, an operation's own clean-up, and rollback."""

import asyncio
from collections.abc import Callable, Sequence

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.domain.actions import Action
from workflows.domain.dag import Graph, depends
from workflows.domain.effects import ActionResult, Effect, EffectKind, Remaining, described, inverse
from workflows.domain.operations import ClusterOperation, OperationSpec
from workflows.domain.overtaking import following, overtaken, overtakes, takes_along
from workflows.domain.resources import Server
from workflows.domain.undoing import taken_back
from workflows.failure_text import failure_text
from workflows.performing import perform
from workflows.policies import MAX_PARALLEL_ACTIONS, UNDO

OnEffects = Callable[[Sequence[Effect]], None]

_ONE_BY_ONE = "batch-takes-clusters-back-one-by-one"
_TELL_OF_GONE = "tell-of-what-was-gone-already"


async def undo(
    effects: Sequence[Effect],
    on_effects: OnEffects,
    made_anew: dict[str, Server] | None = None,
    at_once: int = MAX_PARALLEL_ACTIONS,
) -> list[Remaining]:
    """Takes `effects` (oldest first) back, newest first; servers are independent of each other.

    An undoing that fails for good is skipped, so that the others still run.

    Args:
        effects: what to take back.
        on_effects: is handed the undoing effects as they come.
        made_anew: servers that came back when their deletion was undone, by key; is kept up to date. What
            was done before such a deletion is taken back on the server that is there now.
        at_once: on how many servers at the same time; with one, what was touched last comes first, and only
            servers that come back do so side by side.

    Returns:
        What could not be undone.
    """
    by_server: dict[str, list[Effect]] = {}
    for effect in effects:
        if at_once == 1:
            by_server[effect.server.key] = by_server.pop(effect.server.key, [])
        by_server.setdefault(effect.server.key, []).append(effect)
    chains = list(by_server.values())
    if at_once == 1:
        chains.reverse()
    anew = {} if made_anew is None else made_anew
    slots = asyncio.Semaphore(at_once)
    beside = slots if at_once > 1 else asyncio.Semaphore(MAX_PARALLEL_ACTIONS)

    async def within_slot(chain: Sequence[Effect]) -> list[Remaining]:
        # What comes back may need others that come back, which then must not wait for it.
        comes_back = any(effect.kind is EffectKind.SERVER_DELETED for effect in chain)
        async with beside if comes_back else slots:
            return await _undo_chain(chain, on_effects, anew)

    remaining = await asyncio.gather(*(within_slot(chain) for chain in chains))
    return [one for chain in remaining for one in chain]


def at_once_of(operation: OperationSpec) -> int:
    """The members of a cluster go back as they went forward: one by one, so that the others hold it up."""
    return 1 if isinstance(operation, ClusterOperation) else MAX_PARALLEL_ACTIONS


def at_once_in_batch(operation: OperationSpec) -> int:
    """The same where it is the batch that takes the operation back, which once took no notice of this."""
    at_once = at_once_of(operation)
    return at_once if at_once > 1 or workflow.patched(_ONE_BY_ONE) else MAX_PARALLEL_ACTIONS


async def _undo_chain(
    effects: Sequence[Effect], on_effects: OnEffects, made_anew: dict[str, Server]
) -> list[Remaining]:
    """The effects on one server, which build on each other."""
    remaining: list[Remaining] = []
    for effect in reversed(effects):
        key = effect.server.key
        try:
            action = inverse(effect, made_anew.get(key))
            result = await perform(action, **UNDO)
            undoing = _undoing(effect, action, result)
        except (ActivityError, ValueError) as error:
            remaining.append(Remaining(what=described(effect), why=failure_text(error), effect=effect))
            continue
        remaining, told = settled(remaining, undoing)
        on_effects(told)
        if effect.kind is EffectKind.SERVER_DELETED and result.server is not None:
            made_anew[key] = result.server
        elif effect.kind is EffectKind.SERVER_CREATED:
            made_anew.pop(key, None)
    return remaining


def _undoing(effect: Effect, action: Action, result: ActionResult) -> Sequence[Effect]:
    """What the ledger is told, also where somebody had done it without the ledger.

    Raises:
        ValueError: in the place of what should come back there is something that is not the ledger's.
    """
    if any(one.cause.undoes == effect.id for one in result.effects) or not workflow.patched(_TELL_OF_GONE):
        return result.effects
    return taken_back(effect, action, result, workflow.now())


def settled(
    remaining: Sequence[Remaining],
    undoing: Sequence[Effect],
    is_newer: Callable[[Effect], bool] | None = None,
) -> tuple[list[Remaining], list[Effect]]:
    """What could not be undone may be so by what is undone later.

    Args:
        remaining: what could not be undone, newest first.
        undoing: the undoing effects of something else.
        is_newer: whether what remains was made on top of what was undone now; without it, all was.

    Returns:
        What still remains, and the undoing effects of all that does not.
    """
    left, told = list(remaining), list[Effect]()
    for one in undoing:
        effects = [r.effect for r in left if r.effect is not None]
        gone = [effect for effect in effects if _is_overtaken(effect, one, is_newer)]
        left = [r for r in left if r.effect not in gone and not _went_with(r, one)]
        others = [overtaken(effect, effect.cause, workflow.now()) for effect in gone]
        told += [*others, following(one, others)]
    return left, told


def _went_with(half_done: Remaining, undoing: Effect) -> bool:
    return half_done.half_done_on is not None and takes_along(undoing, half_done.half_done_on)


def _is_overtaken(effect: Effect, undoing: Effect, is_newer: Callable[[Effect], bool] | None) -> bool:
    server = effect.server.key
    if takes_along(undoing, server):
        return True
    return overtakes(undoing, effect.key, server) and (is_newer is None or is_newer(effect))


def newer_than(graph: Graph, name: str) -> Callable[[Effect], bool]:
    """Whether an effect was made on top of what the operation `name` did.

    Of operations that do not need each other nobody knows whose effect on one thing was the last.
    """

    def is_newer(effect: Effect) -> bool:
        operation = effect.cause.operation_id
        return operation is not None and depends(graph, operation, name)

    return is_newer
