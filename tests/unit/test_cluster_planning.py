"""What is to be done for clusters, told from what is wanted and what the inventory has."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.catalogue.catalogue import Catalogue
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.cluster_planning import cluster_plan, must_be_possible
from activities.ledger_ports import InventoryItem
from activities.server_planning import deletions
from tests.support.taskservs import MemoryInventory
from workflows.contracts.clusters import ClusterPlan, ClusterWish
from workflows.contracts.servers import ServerDeletion
from workflows.domain.actions import Action, Cause, CreateServer, InstallTaskserv, RecordCluster
from workflows.domain.effects import EffectKind, inverse, recorded
from workflows.domain.errors import Conflict, InvalidRequest, NotFound
from workflows.domain.operations import ClustersConfig, DeleteClustersConfig, DeleteServersConfig
from workflows.domain.resources import CLUSTER_LABEL, Cluster, Server, ServerSpec, SshEndpoint, Taskserv

CAUSE = Cause(task_id="t")
CATALOGUE = ClusterCatalogue.load(Catalogue.load())


def wish(
    operation: str, kind: str, nodes: int = 3, made: tuple[Server, ...] = (), **more: Any
) -> ClusterWish:
    cluster = {"name": "c", "cluster_type": kind, "plan": "p", "zone": "z", "nodes": nodes} | more
    config = {"operation": operation, "infra": "i", "clusters": [cluster]}
    model = DeleteClustersConfig if operation == "delete" else ClustersConfig
    return ClusterWish(cause=CAUSE, provider="local", config=model.model_validate(config), made=made)


def standing(spec: ServerSpec) -> Server:
    ssh = SshEndpoint(host=f"host-{spec.name}", port=22, user="root")
    return Server(spec=spec, provider_id=spec.key, owner=f"made-{spec.name}", ssh=ssh)


async def carried_out(wanted: ClusterWish, inventory: MemoryInventory) -> list[Action]:
    """All actions, in order, of what is planned; the inventory is then as if they had been done."""
    found = await cluster_plan(wanted, inventory, CATALOGUE)
    actions: list[Action] = list(found.creations)
    if found.creations:
        made = tuple(standing(one.spec) for one in found.creations)
        again = await cluster_plan(wanted.model_copy(update={"made": made}), inventory, CATALOGUE)
        assert again.creations == ()
        known = [item.server for item in inventory.items]
        inventory.items += [InventoryItem(server=s, task_id="t") for s in made if s not in known]
        found = ClusterPlan(stages=again.stages)
    for action in (action for stage in found.stages for chain in stage for action in chain):
        _do(action, inventory)
        actions.append(action)
    return actions


def _do(action: Action, inventory: MemoryInventory) -> None:
    if isinstance(action, RecordCluster):
        inventory.known_clusters[:] = [] if action.after is None else [action.after]
        return
    assert not isinstance(action, CreateServer)
    (item,) = [one for one in inventory.items if one.server == action.server]
    inventory.items.remove(item)
    if action.kind == "delete_server":
        return
    left = {one.name: one for one in item.taskservs}
    old = left.pop(action.name, None)
    if isinstance(action, InstallTaskserv):
        params = CATALOGUE.services.get(action.name).service.resolve(old.params if old else {}, action.params)
        left[action.name] = Taskserv(
            name=action.name, params=params, server=action.server, address="a:1", owner="o"
        )
    inventory.items.append(item.model_copy(update={"taskservs": tuple(left.values())}))


def told(actions: list[Action]) -> list[str]:
    """`create server i/c-1` and so on, with the parameters that name others."""
    return [f"{one.summary}{_references(one)}" for one in actions]


def _references(action: Action) -> str:
    params = action.params if isinstance(action, InstallTaskserv) else {}
    named = [params[name] for name in ("peers", "replica_of", "backends") if name in params]
    return f" ({named[0]})" if named else ""


async def test_members_of_etcd_join_one_by_one_and_leave_before_their_server_goes() -> None:
    inventory = MemoryInventory()
    assert told(await carried_out(wish("create", "etcd"), inventory)) == [
        "create server i/c-1",
        "create server i/c-2",
        "create server i/c-3",
        "install etcd on i/c-1 ()",
        "install etcd on i/c-2 (c-1)",
        "install etcd on i/c-3 (c-1,c-2)",
        "record cluster i/c",
    ]
    plan = await cluster_plan(wish("scale", "etcd", 5), inventory, CATALOGUE)
    assert [one.spec.labels for one in plan.creations] == [{CLUSTER_LABEL: "c"}] * 2
    grown = told(await carried_out(wish("scale", "etcd", 5), inventory))
    assert grown[2:4] == ["install etcd on i/c-4 (c-1,c-2,c-3)", "install etcd on i/c-5 (c-1,c-2,c-3,c-4)"]
    assert told(await carried_out(wish("scale", "etcd", 3), inventory)) == [
        "remove etcd from i/c-5",
        "delete server i/c-5",
        "remove etcd from i/c-4",
        "delete server i/c-4",
        "record cluster i/c",
    ]
    # Nobody is told of others whom it need not know, and each is in a chain of its own turn.
    upgrade = await cluster_plan(wish("upgrade", "etcd", version="3.5.1"), inventory, CATALOGUE)
    assert [len(stage) for stage in upgrade.stages] == [1, 1]
    assert told(await carried_out(wish("delete", "etcd"), inventory)) == [
        "delete server i/c-3",
        "delete server i/c-2",
        "record cluster i/c",
        "delete server i/c-1",
    ]
    assert (inventory.items, inventory.known_clusters) == ([], [])


async def test_a_replica_follows_the_primary_which_comes_first_and_is_upgraded_last() -> None:
    inventory = MemoryInventory()
    old, new = {"port": 7000, "maxmemory_mb": 16}, {"port": 7000, "maxmemory_mb": 32}
    made = told(await carried_out(wish("create", "redis", params=old), inventory))
    assert made[3:] == [
        "install redis on i/c-1",
        "install redis on i/c-2 (c-1)",
        "install redis on i/c-3 (c-1)",
        "record cluster i/c",
    ]
    # What is new gets what the cluster was made with, whatever the settings say by now.
    await carried_out(wish("scale", "redis", 4, params=new), inventory)
    assert {one.taskservs[0].params["maxmemory_mb"] for one in inventory.items} == {16}
    upgraded = told(await carried_out(wish("upgrade", "redis", 3, params=new), inventory))
    assert [line[:21] for line in upgraded[:4]] == [f"install redis on i/c-{n}"[:21] for n in (4, 3, 2, 1)]
    assert {one.taskservs[0].params["maxmemory_mb"] for one in inventory.items} == {32}
    assert len(inventory.known_clusters[0].members) == 4
    assert inventory.known_clusters[0].params == new


async def test_the_balancer_knows_new_backends_after_they_came_and_before_they_go() -> None:
    inventory = MemoryInventory()
    made = told(await carried_out(wish("create", "web"), inventory))
    assert made[3:] == [
        "install caddy on i/c-2",
        "install caddy on i/c-3",
        "install caddy on i/c-1 (c-2,c-3)",
        "record cluster i/c",
    ]
    grown = told(await carried_out(wish("scale", "web", 4), inventory))
    assert grown == [
        "create server i/c-4",
        "install caddy on i/c-4",
        "install caddy on i/c-1 (c-2,c-3,c-4)",
        "record cluster i/c",
    ]
    shrunk = told(await carried_out(wish("scale", "web", 2), inventory))
    assert shrunk[0] == "install caddy on i/c-1 (c-2)"
    assert shrunk[-2:] == ["delete server i/c-3", "record cluster i/c"]


async def test_what_stands_is_neither_made_again_nor_taken_over() -> None:
    inventory = MemoryInventory()
    with pytest.raises(NotFound, match=r"no cluster i/c to scale; create makes it"):
        await cluster_plan(wish("scale", "redis"), inventory, CATALOGUE)
    with pytest.raises(NotFound, match=r"infra i has no cluster c"):
        await cluster_plan(wish("delete", "redis"), inventory, CATALOGUE)
    await carried_out(wish("create", "redis"), inventory)
    again = await carried_out(wish("create", "redis"), inventory)
    # Each is asked for once more: what is gone comes back, and what stands is found unchanged.
    assert [one.kind for one in again] == ["create_server"] * 3 + ["install_taskserv"] * 3 + [
        "record_cluster"
    ]
    for wanted, why in (
        (wish("create", "redis", 5), "has 3 nodes, not 5; scale changes it"),
        (wish("create", "redis", params={"port": 1}), "another version or other params; upgrade changes it"),
        (wish("upgrade", "redis", params={"port": 1}), "port is what it was made with, and stays so"),
        (wish("scale", "etcd", 5), "is a redis, not a etcd"),
        (wish("delete", "etcd"), "is a redis, not a etcd"),
    ):
        with pytest.raises(Conflict, match=why):
            await cluster_plan(wanted, inventory, CATALOGUE)
    alone = DeleteServersConfig.model_validate(
        {"operation": "delete", "infra": "i", "server_configs": [{"name": "c-2"}]}
    )
    with pytest.raises(Conflict, match=r"members of cluster i/c are not deleted by themselves: c-2"):
        await deletions(ServerDeletion(cause=CAUSE, provider="local", config=alone), inventory)

    spec = ServerSpec(infra="i", name="c-1", provider="local", plan="p", zone="z")
    other = MemoryInventory(items=[InventoryItem(server=standing(spec), task_id="t")])
    with pytest.raises(Conflict, match=r"server i/c-1 exists already, and is no member of c"):
        await cluster_plan(wish("create", "redis"), other, CATALOGUE)


@pytest.mark.parametrize(
    ("kind", "more", "why"),
    [
        ("nothing", {}, "unknown cluster type 'nothing'; there are etcd, kubernetes, redis, web"),
        ("etcd", {"nodes": 4}, "nodes: an odd number, not 4, which bears no more failures than 3"),
        ("web", {"nodes": 1}, "nodes: 2 to 100, not 1"),
        ("redis", {"params": {"colour": 1}}, "unknown parameter 'colour'; it has appendonly, maxmemory_mb"),
        ("redis", {"params": {"port": 0}}, "parameter 'port' must be at least 1, not 0"),
        ("kubernetes", {}, "provider: local has no servers that can be its nodes"),
    ],
)
def test_what_cannot_be_is_refused(kind: str, more: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        must_be_possible(wish("create", kind, **more), CATALOGUE)


async def test_workers_join_the_control_plane_of_kubernetes() -> None:
    wanted = wish("create", "kubernetes", 2, provider="aws", version="1.35")
    must_be_possible(wanted, CATALOGUE)
    actions = await carried_out(wanted, MemoryInventory())
    installs = [one for one in actions if isinstance(one, InstallTaskserv)]
    assert [(one.server.spec.name, one.name) for one in installs] == [
        ("c-1", "containerd"),
        ("c-1", "kubernetes"),
        ("c-1", "cilium"),
        ("c-2", "containerd"),
        ("c-2", "kubernetes"),
    ]
    assert installs[-1].params == {"role": "worker", "control_plane": "c-1", "version": "1.35"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: mine", "description: Field required"),
        (
            "{name: x, description: d, nodes: {maximum: 3}, roles: [{name: a, services: [{name: redis}]}]}",
            "file",
        ),
        (
            "{name: mine, description: d, nodes: {maximum: 3}, roles: [{name: a, count: 1, "
            "services: [{name: redis}]}]}",
            "one role has all the nodes that are left",
        ),
        (
            "{name: mine, description: d, nodes: {maximum: 3}, roles: [{name: a, "
            "services: [{name: redis, params: {replica_of: {servers: b}}}]}]}",
            "a.redis.replica_of: no role b",
        ),
        (
            "{name: mine, description: d, nodes: {maximum: 3}, roles: [{name: a, "
            "services: [{name: redis, takes: {colour: colour}}]}]}",
            "task service redis has no parameter colour",
        ),
        (
            "{name: mine, description: d, nodes: {maximum: 3}, roles: [{name: a, "
            "services: [{name: redis, params: {maxmemory_policy: {servers: a}}}]}]}",
            "task service redis: maxmemory_policy names no servers",
        ),
    ],
)
def test_a_description_that_does_not_fit_is_told_with_its_file(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"clusters/mine\.yaml.*{why}"):
        ClusterCatalogue.load(Catalogue.load(), [tmp_path])


def test_a_record_is_an_effect_that_can_be_taken_back() -> None:
    server = standing(ServerSpec(infra="i", name="c-1", provider="local", plan="p", zone="z"))
    small = Cluster(name="c", cluster_type="redis", members=("c-1",), server=server)
    large = small.model_copy(update={"members": ("c-1", "c-2")})
    now = datetime.now(UTC)
    for before, after, kind in (
        (None, small, EffectKind.CLUSTER_CREATED),
        (small, large, EffectKind.CLUSTER_CHANGED),
        (large, None, EffectKind.CLUSTER_DELETED),
    ):
        (effect,) = recorded(RecordCluster(cause=CAUSE, before=before, after=after), now).effects
        assert (effect.kind, effect.key, effect.server) == (kind, "cluster:i/c", server)
        anew = server.model_copy(update={"owner": "another"})
        undoing = inverse(effect, anew)
        assert isinstance(undoing, RecordCluster)
        (back,) = recorded(undoing, now).effects
        assert (back.cause.undoes, back.server) == (effect.id, anew)
        assert (back.after and back.after.key) == (before and before.key)
    assert recorded(RecordCluster(cause=CAUSE, before=small, after=small), now).effects == ()


async def test_what_somebody_else_labelled_so_is_no_member() -> None:
    inventory = MemoryInventory()
    await carried_out(wish("create", "web"), inventory)
    spec = ServerSpec(infra="i", name="db", provider="local", plan="p", zone="z", labels={CLUSTER_LABEL: "c"})
    database = InventoryItem(server=standing(spec), task_id="t")
    inventory.items.append(database)
    await carried_out(wish("scale", "web", 2), inventory)
    assert database in inventory.items
    await carried_out(wish("delete", "web"), inventory)
    assert inventory.items == [database]
