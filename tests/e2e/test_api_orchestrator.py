"""The API's Temporal client against a real server: away, back, deaf, and without a worker."""

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.temporal_access import TemporalAccess
from api.orchestrator import Orchestrator
from deploy.local.ports import free_port
from tests.support.deaf_proxy import deaf_proxy
from tests.support.temporal import start_dev_server
from workflows.domain.batches import BatchSpec
from workflows.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable
from workflows.domain.operations import CreateServersConfig, ServerConfig, ServerOperation
from workflows.domain.rollbacks import RollbackSpec


def batch(operations: int = 1, name: str = "a batch") -> BatchSpec:
    return BatchSpec(
        batch_id=str(uuid4()),
        name=name,
        operations=tuple(operation(number) for number in range(operations)),
        requested_by="somebody",
        created_at=datetime.now(UTC),
    )


def operation(number: int, label: str = "") -> ServerOperation:
    server = ServerConfig(
        name=f"w-{number}", plan="small", zone="local", labels={"l": label} if label else {}
    )
    return ServerOperation(
        id=f"{number}-{secrets.token_hex(100)}",
        provider="local",
        config=CreateServersConfig(server_configs=(server,)),
    )


def orchestrator(target: str) -> Orchestrator:
    # A queue of its own, so that no worker takes what is started here.
    return Orchestrator(TemporalAccess(target), f"nobody-{uuid4()}")


def target_of(temporal: Client) -> str:
    return temporal.service_client.config.target_host


async def executions_of(temporal: Client, workflow_id: str) -> int:
    """Counted once the visibility store, which lags, knows of any."""
    async with asyncio.timeout(60):
        while True:
            found = [e async for e in temporal.list_workflows(f"WorkflowId = '{workflow_id}'")]
            if found:
                return len(found)
            await asyncio.sleep(0.1)


async def test_a_start_is_one_execution_and_can_be_found(temporal: Client) -> None:
    wanted = batch(name="näme " * 40)
    await orchestrator(target_of(temporal)).start_batch(wanted)
    await orchestrator(target_of(temporal)).start_batch(wanted)
    assert await executions_of(temporal, wanted.batch_id) == 1
    description = await temporal.get_workflow_handle(wanted.batch_id).describe()
    assert (await description.static_summary() or "").startswith("näme")
    await temporal.get_workflow_handle(wanted.batch_id).terminate()


async def test_a_start_whose_answer_is_lost_is_a_success_and_one_execution(temporal: Client) -> None:
    wanted = batch(operations=60)
    async with deaf_proxy(target_of(temporal)) as proxy:
        client = orchestrator(proxy.address)
        await client.check()
        proxy.lose_answer_to(4096)
        await client.start_batch(wanted)
        assert proxy.lost == 1
    assert await executions_of(temporal, wanted.batch_id) == 1
    await temporal.get_workflow_handle(wanted.batch_id).terminate()


async def test_a_batch_that_no_payload_can_hold_is_refused(temporal: Client) -> None:
    labels = [secrets.token_hex(120) for _ in range(15_000)]
    wanted = batch().model_copy(update={"operations": tuple(map(operation, range(15_000), labels))})
    with pytest.raises(InvalidRequest, match="too large"):
        await orchestrator(target_of(temporal)).refuse_too_large(wanted)


async def test_without_a_worker_a_query_is_unavailable(temporal: Client) -> None:
    wanted = batch()
    client = orchestrator(target_of(temporal))
    await client.start_batch(wanted)
    assert await client.is_running(wanted.batch_id)
    with pytest.raises(Unavailable, match="no worker"):
        await client.progress(wanted.batch_id)
    await temporal.get_workflow_handle(wanted.batch_id).terminate()


async def test_what_is_not_running_is_not_found(temporal: Client) -> None:
    client = orchestrator(target_of(temporal))
    ended = batch()
    await client.start_batch(ended)
    await temporal.get_workflow_handle(ended.batch_id).terminate()
    for workflow_id in (ended.batch_id, str(uuid4())):
        assert not await client.is_running(workflow_id)
        for call in (
            client.progress(workflow_id),
            client.snapshots(workflow_id),
            client.cancel(workflow_id, "no"),
        ):
            with pytest.raises(NotFound):
                await call


async def test_temporal_away_and_back_and_away(tmp_path: Path) -> None:
    nowhere = orchestrator(f"127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="nothing was started"):
        await nowhere.start_batch(batch())

    process, target = await start_dev_server(tmp_path)
    try:
        client = orchestrator(target)
        async with asyncio.timeout(120):
            while True:
                try:
                    await client.check()
                    break
                except Unavailable:
                    await asyncio.sleep(0.1)
        await client.start_batch(batch())
    finally:
        process.kill()
        await process.wait()
    with pytest.raises(Unavailable):
        await client.check()
    with pytest.raises(Unavailable, match="nothing was started"):
        await client.start_batch(batch())
    with pytest.raises(Unavailable):
        await client.progress(str(uuid4()))
    with pytest.raises(Unavailable):
        await client.cancel(str(uuid4()), "no")


async def test_a_rollback_that_says_nothing_any_more_is_not_waited_for(temporal: Client) -> None:
    door = orchestrator(target_of(temporal))
    forgotten = str(uuid4())
    with pytest.raises(Conflict, match=f"/tasks/{forgotten}"):
        await door.rollback_outcome(forgotten)
    terminated = RollbackSpec(
        rollback_id=str(uuid4()),
        name="rollback to a moment",
        args=(),
        plan_id=str(uuid4()),
        planned_at=0,
        steps=0,
        parts=0,
        requested_by="somebody",
        created_at=datetime.now(UTC),
    )
    await door.start_rollback(terminated)
    await temporal.get_workflow_handle(terminated.rollback_id).terminate()
    with pytest.raises(Conflict, match="ended from outside"):
        await door.rollback_outcome(terminated.rollback_id)
