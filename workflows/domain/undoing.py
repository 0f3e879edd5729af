"""What must be undone so that it is as if some effects had never been: the algebra behind rollback.

An effect and what undid it form a chain: made, taken back, made once more. The world is as the chain's last
link left it, and only that one can be undone. Take a chain's links from one of them on: where they are even
in number they cancel each other out and nothing is to be done; where they are odd, undoing the last one
brings back what was before the first of them. So one rule serves a full rollback (all links after the
checkpoint), a partial one (all links from an operation's effect on), and a rollback of a rollback, at any
depth. What is not lasting (a restart, see `effects`) is in no chain.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from heapq import heapify, heappop, heappush

from workflows.domain.actions import Action, InstallTaskserv, RemoveTaskserv
from workflows.domain.dag import Graph, dependents
from workflows.domain.effects import ActionResult, Effect, EffectKind
from workflows.domain.inventory import LedgerEntry
from workflows.domain.resources import Cluster, Frozen, Resource, Server, Taskserv, cluster_of


class Undoing(Frozen):
    """An effect that is to be undone."""

    entry: LedgerEntry
    """The last link of its chain."""
    task_id: str | None = None
    """The task whose doing is undone; None where an undoing is, which keeps to the order of the ledger."""

    @property
    def effect(self) -> Effect:
        return self.entry.effect

    @property
    def position(self) -> int:
        return self.entry.position


def standing(entries: Iterable[LedgerEntry]) -> list[Undoing]:
    """What still stands of the chains' parts that `entries` are, oldest first.

    Args:
        entries: some effects and everything that undid them, and that again, up to the ledger's end.
    """
    open_chains: dict[str, tuple[LedgerEntry, list[LedgerEntry]]] = {}
    lasting = (entry for entry in entries if entry.effect.is_lasting)
    for entry in sorted(lasting, key=lambda entry: entry.position):
        undoes = entry.effect.cause.undoes
        first, links = open_chains.pop(undoes or "", (entry, []))
        open_chains[entry.effect.id] = (first, [*links, entry])
    found = [_undoing(first, links[-1]) for first, links in open_chains.values() if len(links) % 2]
    return sorted(found, key=lambda undoing: undoing.position)


def _undoing(first: LedgerEntry, last: LedgerEntry) -> Undoing:
    cause = first.effect.cause
    return Undoing(entry=last, task_id=cause.task_id if cause.undoes is None else None)


def in_order(undoings: Iterable[Undoing], needs: Graph) -> list[Undoing]:
    """Newest first, and nothing before what was built on it.

    The ledger alone does not tell the latter: operations write for themselves, so what one did may stand
    there before what it builds on.

    Args:
        undoings: what is to be undone, in any order.
        needs: the tasks among them, and the ones among them that each needs.
    """
    waiting: dict[str, list[Undoing]] = {}
    ready: list[tuple[int, Undoing]] = []
    left = Counter(u.task_id for u in undoings if u.task_id is not None)
    built_on = {task: sum(left[other] > 0 for other in others) for task, others in dependents(needs).items()}
    for undoing in undoings:
        if undoing.task_id is not None and built_on.get(undoing.task_id):
            waiting.setdefault(undoing.task_id, []).append(undoing)
        else:
            ready.append((-undoing.position, undoing))
    heapify(ready)
    ordered: list[Undoing] = []
    while ready:
        _, undoing = heappop(ready)
        ordered.append(undoing)
        task = undoing.task_id
        if task is None:
            continue
        left[task] -= 1
        for need in dict.fromkeys(needs.get(task, ())) if left[task] == 0 else ():
            built_on[need] -= 1
            if built_on[need] == 0:
                for freed in waiting.pop(need, ()):
                    heappush(ready, (-freed.position, freed))
    return ordered


def members(undoings: Iterable[Undoing]) -> dict[str, str]:
    """The servers of clusters that live on, each with its cluster.

    Members that go back at the same time would take the cluster's others along. Where all of it was made
    since, there is nothing to hold up; and those that come back need each other, in an order that nobody
    knows here: they come side by side, and each is tried until the ones that it needs are there. The records
    alone do not tell: what failed half way, and what only mended a cluster, left them as they were.
    """
    effects = [undoing.effect for undoing in undoings]
    made = {effect.resource.key for effect in effects if effect.kind is EffectKind.CLUSTER_CREATED}
    specs = (effect.server.spec for effect in effects)
    labelled = {s.key: f"{s.infra}/{name}" for s in specs if (name := cluster_of(s)) is not None}
    found = {key: cluster for key, cluster in labelled.items() if cluster not in made}
    for effect in effects:
        if effect.kind is EffectKind.CLUSTER_CHANGED:
            for cluster in (effect.before, effect.after):
                if isinstance(cluster, Cluster):
                    infra = cluster.server.spec.infra
                    found |= {f"{infra}/{name}": cluster.key for name in cluster.members}
    come_back = {effect.server.key for effect in effects if effect.kind is EffectKind.SERVER_DELETED}
    return {key: cluster for key, cluster in found.items() if key not in come_back}


def nearest(needs: Mapping[str, Collection[str]], tasks: Collection[str]) -> dict[str, list[str]]:
    """The graph of `tasks` alone: what each needs among them, directly or over others.

    Args:
        needs: all tasks and what they need. What is not in it needs nothing.
    """
    chosen = set(tasks)
    return {task: _nearest(needs, chosen, task) for task in tasks}


def _nearest(needs: Mapping[str, Collection[str]], chosen: set[str], task: str) -> list[str]:
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = list(needs.get(task, ()))
    while waiting:
        need = waiting.pop()
        if need in seen:
            continue
        seen.add(need)
        if need in chosen:
            found[need] = None
        else:
            waiting.extend(needs.get(need, ()))
    return sorted(found)


def in_the_way(chosen: Iterable[Undoing], on_servers: Iterable[LedgerEntry]) -> list[Undoing]:
    """What others did since on what would be undone, and still stands; oldest first.

    Args:
        chosen: what is to be undone.
        on_servers: the whole ledger of the servers that are touched.
    """
    ledgers: dict[str, list[LedgerEntry]] = {}
    for entry in on_servers:
        ledgers.setdefault(entry.effect.server.key, []).append(entry)
    chosen = list(chosen)
    ours = {undoing.effect.id for undoing in chosen}
    found: dict[str, Undoing] = {}
    for undoing in chosen:
        for other in _built_on(undoing, ledgers.get(undoing.effect.server.key, [])):
            if other.effect.id not in ours:
                found[other.effect.id] = other
    return sorted(found.values(), key=lambda undoing: undoing.position)


def at_odds(chosen: Iterable[Undoing]) -> list[Taskserv | Cluster]:
    """What would come back without its server, or another task service that it needs, since that would go.

    Args:
        chosen: what is to be undone together.
    """
    left: dict[str, Resource | None] = {}
    for undoing in sorted(chosen, key=lambda undoing: undoing.position, reverse=True):
        left[undoing.effect.key] = undoing.effect.before
    gone = {key for key, resource in left.items() if resource is None}
    back = [resource for resource in left.values() if isinstance(resource, Taskserv | Cluster)]
    return sorted((one for one in back if not gone.isdisjoint(_grounds(one))), key=lambda one: one.key)


def contradictory(chosen: Iterable[Undoing]) -> list[str]:
    """The things of which these would bring back two states that exclude each other, by their keys.

    As where a server was made and taken back, and another of its name as well: to take back both takings
    back would leave two servers.

    Args:
        chosen: what is to be undone together.
    """
    left: dict[str, Resource | None] = {}
    found: dict[str, None] = {}
    for undoing in sorted(chosen, key=lambda undoing: undoing.position, reverse=True):
        effect = undoing.effect
        if effect.key in left and not _alike(left[effect.key], effect.after):
            found[effect.key] = None
        left[effect.key] = effect.before
    return sorted(found)


def _alike(one: Resource | None, other: Resource | None) -> bool:
    """Whether they are in the same state; a server that came back is another one, and so is its owner."""
    if isinstance(one, Server) and isinstance(other, Server):
        return one.spec == other.spec
    if isinstance(one, Taskserv) and isinstance(other, Taskserv):
        return one.params == other.params
    if isinstance(one, Cluster) and isinstance(other, Cluster):
        return one.model_copy(update={"server": other.server}) == other
    return one is other


def _grounds(resource: Taskserv | Cluster) -> list[str]:
    """What it cannot do without, by the names in the inventory."""
    where = resource.server.key
    requires = resource.requires if isinstance(resource, Taskserv) else ()
    return [f"server:{where}", *(f"taskserv:{where}/{name}" for name in requires)]


def _built_on(undoing: Undoing, ledger: list[LedgerEntry]) -> Iterator[Undoing]:
    effect = undoing.effect
    for other in standing(entry for entry in ledger if entry.position > undoing.position):
        if _concerns(other.effect, effect):
            yield other
    made = effect.after
    if isinstance(made, Server):
        # What stands on this very server may have been written down before the server was.
        for other in standing(entry for entry in ledger if entry.position < undoing.position):
            installed = other.effect.after
            if isinstance(installed, Taskserv) and installed.server.owner == made.owner:
                yield other


def _concerns(other: Effect, effect: Effect) -> bool:
    """Whether both are about one thing, or the one about what the other stands on."""
    later, undone = other.resource, effect.resource
    if isinstance(later, Server) or isinstance(undone, Server) or later.key == undone.key:
        return True
    if isinstance(later, Cluster) or isinstance(undone, Cluster):
        return False
    match other.kind, effect.kind:
        case EffectKind.TASKSERV_INSTALLED, EffectKind.TASKSERV_INSTALLED:
            return undone.name in later.requires
        case EffectKind.TASKSERV_REMOVED, EffectKind.TASKSERV_REMOVED:
            return later.name in undone.requires
    return False


def taken_back(effect: Effect, action: Action, result: ActionResult, at: datetime) -> tuple[Effect, ...]:
    """The undoing effects of `effect`, once the action that takes it back has been carried out.

    Where that found nothing left to do, somebody had done it without the ledger, which is told so now.

    Raises:
        ValueError: in the place of what should come back there is something that is not the ledger's.
    """
    if any(undoing.cause.undoes == effect.id for undoing in result.effects):
        return result.effects
    match action:
        case RemoveTaskserv():
            kind, after = EffectKind.TASKSERV_REMOVED, None
        case InstallTaskserv() if isinstance(effect.before, Taskserv):
            kind = EffectKind.TASKSERV_CONFIGURED if effect.after else EffectKind.TASKSERV_INSTALLED
            after = _moved(effect.before, action.server)
        case _:
            raise ValueError(f"could not {action.summary}: one that the ledger does not know is in its place")
    return (
        Effect(id=action.key, kind=kind, cause=action.cause, at=at, before=effect.after, after=after),
        *result.effects,
    )


def _moved(taskserv: Taskserv, server: Server) -> Taskserv:
    port = taskserv.address.rpartition(":")[2]
    return taskserv.model_copy(update={"server": server, "address": f"{server.ssh.host}:{port}"})
