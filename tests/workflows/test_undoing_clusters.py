"""A cluster that lives on goes back one member after the other, so that the others hold it up."""

from collections import Counter

import pytest
from temporalio.api.enums.v1 import EventType

from tests.support.batches import batch, cluster_operation, server_operation, taskserv_operation
from tests.support.engine import Engine
from tests.support.rollbacks import back_to, checkpoint, undo
from workflows.domain.identity import task_id
from workflows.domain.operations import ClusterOperation, ClusterToDelete, DeleteClustersConfig
from workflows.domain.states import BatchStatus, TaskStatus


async def most_at_once(engine: Engine, workflow_id: str, activities: set[str]) -> int:
    """Of these activities of a workflow, how many were under way at the same time."""
    history = await engine.client.get_workflow_handle(workflow_id).fetch_history()
    under_way, most = set[int](), 0
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            if event.activity_task_scheduled_event_attributes.activity_type.name in activities:
                under_way.add(event.event_id)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            under_way.discard(event.activity_task_completed_event_attributes.scheduled_event_id)
        most = max(most, len(under_way))
    return most


def quotas(engine: Engine, infra: str) -> Counter[object]:
    servers = [server for server in engine.provider.servers.values() if server.spec.infra == infra]
    return Counter(engine.taskservs.params_on(server)["etcd"].get("quota_mb") for server in servers)


async def delete_cluster(engine: Engine, infra: str) -> None:
    """Other tests compare all that the inventory has with servers and task services alone."""
    away = DeleteClustersConfig(infra=infra, operation="delete", clusters=[ClusterToDelete(name="etcd")])
    gone = batch(ClusterOperation(id="delete", provider="memory", config=away))
    assert (await engine.run(gone)).status is BatchStatus.COMPLETED


async def test_a_failed_batch_takes_an_upgrade_back_node_by_node(engine: Engine) -> None:
    infra = "cluster-back"
    await engine.run(batch(cluster_operation("make", kind="etcd", nodes=3, infra=infra)))
    wanted = batch(
        cluster_operation("change", kind="etcd", nodes=3, operation="upgrade", infra=infra, quota_mb=256),
        server_operation("break", ["change"], infra=infra, fail_create="refused"),
    )
    result = await engine.run(wanted)
    assert (result.status, result.remaining) == (BatchStatus.FAILED, ())
    assert quotas(engine, infra) == {None: 3}
    assert await most_at_once(engine, wanted.batch_id, {"install_taskserv"}) == 1
    await delete_cluster(engine, infra)


async def test_a_rollback_takes_an_upgrade_back_node_by_node_and_makes_it_again_so(engine: Engine) -> None:
    infra = "cluster-rollback"
    await engine.run(batch(cluster_operation("make", kind="etcd", nodes=3, infra=infra)))
    upgrade = cluster_operation(
        "change", kind="etcd", nodes=3, operation="upgrade", infra=infra, quota_mb=256
    )
    wanted = batch(upgrade)
    await engine.run(wanted)
    assert quotas(engine, infra) == {256: 3}
    before = await checkpoint(engine)
    first = await undo(engine, task_id(wanted.batch_id, "change"))
    assert quotas(engine, infra) == {None: 3}
    second = await back_to(engine, before)
    assert quotas(engine, infra) == {256: 3}
    for rollback_id, outcome in (first, second):
        assert outcome.status is TaskStatus.COMPLETED
        assert await most_at_once(engine, rollback_id, {"install_taskserv"}) == 1
    await delete_cluster(engine, infra)


async def test_what_left_the_record_as_it_was_is_rolled_back_node_by_node_too(engine: Engine) -> None:
    infra = "cluster-mended"
    make = cluster_operation("make", kind="etcd", nodes=3, infra=infra)
    await engine.run(batch(make))
    names = [f"etcd-{number}" for number in (1, 2, 3)]
    by_hand = taskserv_operation(
        "by-hand", taskserv="etcd", servers=names, infra=infra, operation="configure", quota_mb=256
    )
    await engine.run(batch(by_hand))
    assert quotas(engine, infra) == {256: 3}
    mended = batch(make)
    await engine.run(mended)
    assert quotas(engine, infra) == {None: 3}
    rollback_id, outcome = await undo(engine, task_id(mended.batch_id, "make"))
    assert outcome.status is TaskStatus.COMPLETED
    assert quotas(engine, infra) == {256: 3}
    assert await most_at_once(engine, rollback_id, {"install_taskserv"}) == 1
    await delete_cluster(engine, infra)


@pytest.mark.parametrize("way", ["batch", "rollback"])
async def test_members_that_come_back_need_not_wait_for_each_others_turn(engine: Engine, way: str) -> None:
    """Each needs others, which come back too; the first one may be the one that needs all."""
    infra = f"cluster-back-{way}"
    await engine.run(batch(cluster_operation("make", kind="etcd", nodes=3, infra=infra)))
    away = ClusterOperation(
        id="away",
        provider="memory",
        config=DeleteClustersConfig(infra=infra, operation="delete", clusters=[ClusterToDelete(name="etcd")]),
    )
    if way == "batch":
        wanted = batch(away, server_operation("break", ["away"], infra=infra, fail_create="refused"))
        assert (await engine.run(wanted)).status is BatchStatus.FAILED
        undone_by = wanted.batch_id
    else:
        wanted = batch(away)
        assert (await engine.run(wanted)).status is BatchStatus.COMPLETED
        undone_by, outcome = await undo(engine, task_id(wanted.batch_id, "away"))
        assert outcome.status is TaskStatus.COMPLETED
    assert quotas(engine, infra) == {None: 3}
    assert await most_at_once(engine, undone_by, {"create_server"}) == 3
    await delete_cluster(engine, infra)
