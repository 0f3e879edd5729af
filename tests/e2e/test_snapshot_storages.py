"""Snapshots over HTTP, from each storage: in a running batch, after its end, and when Temporal forgot it."""

import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import yaml
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.snapshots.surrealdb.store import SurrealSnapshots
from tests.support.stack import ROOT, Stack, a_stack, eventually
from tests.support.world import answer, delete_servers, ended, operation, server, submit
from workflows.domain.identity import record_id
from workflows.domain.task_updates import RUNNING_VERSION, TERMINAL_VERSION

POSSIBLE = (*range(1, 1000), *range(TERMINAL_VERSION, TERMINAL_VERSION + 3))
"""Versions of a batch or a task."""


def the_contracts_example(infra: str) -> dict[str, Any]:
    """As it stands in the contract, but on local servers and with what the tests' catalogue has."""
    contract = yaml.safe_load((ROOT / "api" / "contract" / "openapi.yaml").read_text())
    body: dict[str, Any] = contract["components"]["examples"]["BatchOperationRequest"]["value"]
    assert body["storage_backend"] == "surrealdb"
    servers, services = body["operations"]
    servers["provider"] = services["provider"] = "local"
    servers["config"]["infra"] = services["config"]["infra"] = infra
    servers["config"]["server_configs"][0]["zone"] = "local"
    services["config"]["taskservs"] = [{"name": "flaky", "params": {"seconds": 4}}]
    return body


@pytest.fixture(scope="module")
async def keeping(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("storages") / "state"
    async with a_stack(folder, catalogue_dirs=str(ROOT / "tests" / "catalogue")) as started:
        await started.start()
        yield started


async def versions(stack: Stack, workflow_id: str) -> list[int]:
    """The sequence numbers of one answer, told by the snapshots' ids."""
    known = {record_id(workflow_id, "snapshot", number): number for number in POSSIBLE}
    snapshots = await answer(stack, f"/state/workflows/{workflow_id}/snapshots")
    return [known[snapshot["snapshot_id"]] for snapshot in snapshots]


async def all_versions(stack: Stack, batch_id: str) -> dict[str, list[int]]:
    """Of the batch and of each of its tasks; each number once, and in order."""
    batch = await answer(stack, f"/batch/operations/{batch_id}")
    ids = [batch_id, *(each["task_id"] for each in batch["operations"])]
    found = {one: await versions(stack, one) for one in ids}
    for numbers in found.values():
        assert numbers == sorted(set(numbers))
    return found


async def followed_to_its_end(stack: Stack, batch_id: str) -> None:
    """Asks again and again: what was told once is told ever after."""
    told: dict[str, list[int]] = {}
    while (await answer(stack, f"/batch/operations/{batch_id}"))["status"] == "Running":
        now = await all_versions(stack, batch_id)
        for workflow_id, numbers in told.items():
            assert set(numbers) <= set(now[workflow_id]), workflow_id
        told = now
    assert len(told) > 1


async def complete(stack: Stack, batch_id: str) -> dict[str, list[int]]:
    """The versions of a batch that has completed, with nothing missing."""
    found = await all_versions(stack, batch_id)
    batch, *others = found.values()
    assert batch == list(range(1, batch[-1] + 1))
    for numbers in others:
        assert (numbers[0], numbers[-1]) == (RUNNING_VERSION, TERMINAL_VERSION)
    report = (await answer(stack, f"/state/workflows/{batch_id}/snapshots"))[-1]
    assert report["state"] == "Completed"
    assert report["details"]["operations"] == {"Completed": len(others)}
    return found


async def forgotten(client: Client, workflow_id: str) -> bool:
    """Deletes the execution; whether Temporal knows nothing of it any more."""
    execution = WorkflowExecution(workflow_id=workflow_id)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    try:
        await client.workflow_service.delete_workflow_execution(request)
        await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return True
    return False


@pytest.mark.parametrize("storage", ["filesystem", "surrealdb"])
async def test_they_are_complete_while_it_runs_after_its_end_and_when_it_is_forgotten(
    keeping: Stack, storage: str
) -> None:
    body = the_contracts_example(f"kept-{storage}") | {"storage_backend": storage}
    accepted = await keeping.http.post("/batch/execute", json=body)
    assert accepted.status_code == 200, accepted.text
    batch_id = accepted.json()["data"]["batch_id"]
    await followed_to_its_end(keeping, batch_id)
    assert (await ended(keeping, batch_id))["status"] == "Completed"
    afterwards = await complete(keeping, batch_id)

    client = await Client.connect(keeping.settings.temporal_target)
    for workflow_id in afterwards:
        await eventually(partial(forgotten, client, workflow_id))
    assert await complete(keeping, batch_id) == afterwards
    # They are where they were asked to be, and nowhere else.
    in_files = (keeping.state_dir / "snapshots" / batch_id).exists()
    assert in_files is (storage == "filesystem")
    await delete_servers(keeping, f"kept-{storage}")


async def test_a_batch_ends_without_its_storage_and_loses_nothing(keeping: Stack) -> None:
    infra = "without-storage"
    frozen = keeping.kill("surrealdb", signal.SIGSTOP)
    work = [
        operation("one", [], infra, server_configs=[server("one")]),
        operation("two", ["one"], infra, taskservs=["flaky"]),
    ]
    batch_id = await submit(keeping, work, storage_backend="surrealdb")
    assert (await ended(keeping, batch_id))["status"] == "Completed"
    effects = await answer(keeping, "/inventory/effects", batch_id=batch_id)
    assert len(effects) == 2
    away = await keeping.http.get(f"/state/workflows/{batch_id}/snapshots")
    assert (away.status_code, away.json()["success"]) == (503, False)

    keeping.kill("surrealdb")
    await keeping.is_back("surrealdb", frozen)
    found = await complete(keeping, batch_id)
    plain = SurrealSnapshots(keeping.settings)
    try:

        async def all_delivered() -> bool:
            kept = {one: await plain.load(batch_id, one) for one in found}
            return {one: [s.sequence for s in snapshots] for one, snapshots in kept.items()} == found

        await eventually(all_delivered)
    finally:
        await plain.close()
    assert await complete(keeping, batch_id) == found
    await delete_servers(keeping, infra)
