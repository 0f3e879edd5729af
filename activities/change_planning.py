"""Finds out what an operation would change, from its spec, the inventory and how things stand live.

It plans with what the operations themselves plan with, asks providers and servers, and touches nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar, assert_never

from activities import drift
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.cluster_planning import cluster_plan, must_be_possible
from activities.failures import as_activity_failure
from activities.foreseen_inventory import ForeseenInventory, as_it_would_be, is_there
from activities.heartbeat import heartbeat
from activities.ledger_ports import Inventory, ServerLookup
from activities.provider_ports import ServerProviders
from activities.providers.fitting import another_one, must_fit
from activities.server_planning import deletions, refuse_taken_name
from activities.taskserv_host import Installation, TaskservHost
from activities.taskserv_planning import chain, targets
from workflows.contracts.changes import ChangeActivities, Checked
from workflows.contracts.clusters import ClusterWish
from workflows.contracts.servers import ServerDeletion
from workflows.contracts.taskservs import TaskservAction, TaskservWish
from workflows.domain.actions import (
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RecordCluster,
    RemoveTaskserv,
    RestartTaskserv,
)
from workflows.domain.changes import (
    Change,
    ChangeKind,
    ChangePlan,
    Drift,
    Foreseen,
    cluster_key,
    of_cluster,
    of_params,
    of_spec,
    server_key,
    taskserv_key,
)
from workflows.domain.errors import Conflict, NotFound
from workflows.domain.operations import (
    ClustersConfig,
    CreateServersConfig,
    DeleteClustersConfig,
    DeleteServersConfig,
    TaskservsConfig,
)
from workflows.domain.resources import Params, Server, ServerSpec, dependents_first

A = TypeVar("A")
B = TypeVar("B")
SIDE_BY_SIDE = 10
"""Questions to providers and servers at the same time."""


class ChangePlanning(ChangeActivities):
    """Implements the contract over the ports of the operations themselves."""

    def __init__(
        self, clusters: ClusterCatalogue, host: TaskservHost, inventory: Inventory, providers: ServerProviders
    ) -> None:
        self._clusters = clusters
        self._catalogue = clusters.services
        self._host = host
        self._inventory = inventory
        self._providers = providers

    async def plan_changes(self, checked: Checked) -> ChangePlan:
        with as_activity_failure():
            async with heartbeat():
                await self._inventory.catch_up()
                return await self._plan(checked)

    async def _plan(self, checked: Checked) -> ChangePlan:
        foreseen = Foreseen(checked.foreseen)
        view = ForeseenInventory(self._inventory, foreseen, self._catalogue)
        operation, cause = checked.operation, checked.cause
        provider, known = operation.provider, checked.made_by_dependencies
        match operation.config:
            case CreateServersConfig() as config:
                specs = config.specs(provider)
                plans = await _each(specs, lambda spec: self._creation(spec, foreseen))
            case DeleteServersConfig() as config:
                wanted = ServerDeletion(cause=cause, provider=provider, config=config, known=known)
                plans = await _each(await deletions(wanted, view), self._deletion)
            case ClustersConfig() | DeleteClustersConfig() as config:
                cluster_wish = ClusterWish(cause=cause, provider=provider, config=config)
                return await self._clusters_of(cluster_wish, view, foreseen)
            case TaskservsConfig() as config:
                wish = TaskservWish(cause=cause, provider=provider, config=config, made_by_dependencies=known)
                servers = await targets(wish, view)
                plans = await _each(servers, lambda server: self._taskservs(wish, server, foreseen))
            case config:
                assert_never(config)
        return _joined(plans)

    async def _creation(self, spec: ServerSpec, foreseen: Foreseen) -> ChangePlan:
        provider = self._providers.get(spec.provider)
        provider.check(spec)
        change = foreseen.server(spec.key)
        if change is not None and change.server is not None:
            must_fit(spec, change.server.spec.plan, change.server.spec.zone)
            return ChangePlan(servers=(change.server,))
        if change is None:
            item = await self._inventory.server(spec.infra, spec.name)
            await refuse_taken_name(spec, item, self._providers)
            live, seen = await self._look_at(spec)
            if live is not None:
                must_fit(spec, live.spec.plan, live.spec.zone)
                return ChangePlan(drift=seen, servers=(live,))
        else:
            seen = ()
        made = as_it_would_be(spec)
        creation = Change(
            kind=ChangeKind.CREATE, key=server_key(spec.key), server=made, details=of_spec(spec)
        )
        return ChangePlan(changes=(creation,), drift=seen, servers=(made,))

    async def _deletion(self, action: DeleteServer) -> ChangePlan:
        server = action.server
        seen: tuple[Drift, ...] = ()
        if is_there(server):
            live, seen = await self._look_at(server.spec)
            if live is not None and live.owner != server.owner:
                raise another_one(server, live.owner)
        gone = (taskserv_key(server.key, one.name) for one in dependents_first(action.taskservs))
        keys = (*gone, server_key(server.key))
        return ChangePlan(changes=tuple(Change(kind=ChangeKind.DELETE, key=key) for key in keys), drift=seen)

    async def _look_at(self, spec: ServerSpec) -> tuple[Server | None, tuple[Drift, ...]]:
        """The server as it stands at its provider, and how the inventory differs from that."""
        live = await self._providers.get(spec.provider).find(spec.infra, spec.name)
        item = await self._inventory.server(spec.infra, spec.name)
        return live, drift.of_server(spec.key, item, live)

    async def _taskservs(self, wish: TaskservWish, server: Server, foreseen: Foreseen) -> ChangePlan:
        standing, seen = await self._standing(server, foreseen)
        steps = (self._change(action, standing) for action in chain(wish, server, self._catalogue))
        changes = tuple(change for change in steps if change is not None)
        return ChangePlan(changes=changes, drift=seen, servers=(server,))

    async def _clusters_of(self, wish: ClusterWish, view: ServerLookup, foreseen: Foreseen) -> ChangePlan:
        """Its servers first, as if they were made, and then step by step what would be done on them."""
        must_be_possible(wish, self._clusters)
        plan = await cluster_plan(wish, view, self._clusters)
        made = _joined(await _each(plan.creations, lambda one: self._creation(one.spec, foreseen)))
        if plan.creations:
            again = wish.model_copy(update={"made": made.servers})
            plan = await cluster_plan(again, view, self._clusters)
        actions = [action for stage in plan.stages for chain in stage for action in chain]
        on = {server.key: server for server in plan.servers}
        on |= {one.server.key: one.server for one in actions if isinstance(one, RemoveTaskserv)}
        states = await _each(on.values(), lambda server: self._standing(server, foreseen))
        standing = {key: state for key, (state, _) in zip(on, states, strict=True)}
        steps = [
            made,
            ChangePlan(drift=tuple(one for _, seen in states for one in seen), servers=plan.servers),
        ]
        for action in actions:
            match action:
                case DeleteServer():
                    steps.append(await self._deletion(action))
                case RecordCluster():
                    steps.append(ChangePlan(changes=_of_record(action)))
                case CreateServer():
                    raise TypeError(f"'{action.summary}' is no step of a cluster whose servers are there")
                case _:
                    change = self._change(action, standing[action.server.key])
                    steps.append(ChangePlan(changes=() if change is None else (change,)))
        whole = _joined(steps)
        return whole.model_copy(update={"servers": tuple({s.key: s for s in whole.servers}.values())})

    async def _standing(
        self, server: Server, foreseen: Foreseen
    ) -> tuple[dict[str, Params], tuple[Drift, ...]]:
        """What would stand on the server when the operation begins, and how the inventory differs now."""
        there: Mapping[str, Installation] = {}
        seen: tuple[Drift, ...] = ()
        if is_there(server):
            there = await self._installed(server)
            seen = await self._drift(server, there)
        standing = {name: one.params for name, one in there.items()}
        for name, earlier in foreseen.taskservs(server.key).items():
            if earlier.kind is ChangeKind.DELETE:
                standing.pop(name, None)
            else:
                standing[name] = earlier.params or {}
        return standing, seen

    def _change(self, action: TaskservAction, standing: dict[str, Params]) -> Change | None:
        """What one action would do to a server on which `standing` stands, which it changes."""
        change = self._change_of(action, standing)
        if change is not None and change.params is None:
            del standing[action.name]
        elif change is not None and change.params is not None:
            standing[action.name] = change.params
        return change

    def _change_of(self, action: TaskservAction, standing: Mapping[str, Params]) -> Change | None:
        before = standing.get(action.name)
        key = taskserv_key(action.server.key, action.name)
        if isinstance(action, RemoveTaskserv):
            self._must_not_be_needed(action, standing)
            return None if before is None else Change(kind=ChangeKind.DELETE, key=key)
        if before is None and not isinstance(action, InstallTaskserv):
            raise NotFound(f"could not {action.summary}: it is not installed there")
        if isinstance(action, RestartTaskserv):
            self._catalogue.check_restart(action.name, action.params)
            return Change(kind=ChangeKind.RESTART, key=key, params=before)
        self._catalogue.check(action.name, action.params)
        after = self._catalogue.get(action.name).service.resolve(before or {}, action.params)
        if before == after:
            return None
        kind = ChangeKind.CREATE if before is None else ChangeKind.UPDATE
        return Change(kind=kind, key=key, params=after, details=of_params(before, after))

    def _must_not_be_needed(self, action: RemoveTaskserv, standing: Mapping[str, Params]) -> None:
        if action.name not in standing:
            return
        known = set(self._catalogue.names()) & set(standing)
        needing = [name for name in known if action.name in self._catalogue.get(name).service.requires]
        if needing:
            raise Conflict(f"could not {action.summary}: needed by: {' '.join(sorted(needing))}")

    async def _installed(self, server: Server) -> Mapping[str, Installation]:
        spec = server.spec
        live = await self._providers.get(spec.provider).find(spec.infra, spec.name)
        if live is None or live.owner != server.owner:
            raise NotFound(f"server {server.key} does not exist any more")
        return await self._host.installed(server)

    async def _drift(self, server: Server, there: Mapping[str, Installation]) -> tuple[Drift, ...]:
        item = await self._inventory.server(server.spec.infra, server.spec.name)
        ports = {
            name: port
            for name, one in there.items()
            if name in self._catalogue.names()
            and isinstance(port := one.params.get(self._catalogue.get(name).service.port_parameter), int)
        }
        answering = await self._host.answering(server, ports) if ports else ()
        silent = [name for name in ports if name not in answering]
        return drift.of_taskservs(server.key, item.taskservs if item else (), there, silent)


def _of_record(action: RecordCluster) -> tuple[Change, ...]:
    key, before, after = cluster_key(action.cluster.key), action.before, action.after
    if after is None:
        return (Change(kind=ChangeKind.DELETE, key=key),)
    details = of_cluster(before, after)
    if before is not None and not details:
        return ()
    kind = ChangeKind.CREATE if before is None else ChangeKind.UPDATE
    return (Change(kind=kind, key=key, cluster=after, details=details),)


async def _each(these: Iterable[A], look: Callable[[A], Awaitable[B]]) -> Sequence[B]:
    slots = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(this: A) -> B:
        async with slots:
            return await look(this)

    tasks = [asyncio.create_task(one(this)) for this in these]
    try:
        # Not a TaskGroup: the first error is the operation's, and not one of a group.
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _joined(plans: Sequence[ChangePlan]) -> ChangePlan:
    return ChangePlan(
        changes=tuple(change for plan in plans for change in plan.changes),
        drift=tuple(one for plan in plans for one in plan.drift),
        servers=tuple(server for plan in plans for server in plan.servers),
    )
