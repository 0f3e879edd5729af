"""The contract's own example of a batch: a server at UpCloud, and task services on it over SSH.

What UpCloud's test server hands out is the address of a real local server, so all that follows is real.
"""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from activities.providers.local.entry import build_local
from tests.faults.test_secrets import documents_of, files_of, found, histories_of
from tests.support.stack import ROOT, Stack, a_stack, eventually, stack_settings
from tests.support.upcloud import UpCloud, an_upcloud
from tests.support.upcloud_server.catalogue import DEBIAN_11, DEBIAN_12
from tests.support.world import answer, completed, ended, operation, tasks
from workflows.domain.resources import Server, ServerSpec


class Scene(NamedTuple):
    stack: Stack
    upcloud: UpCloud
    iron: Server
    """The local server that poses as one of UpCloud's."""


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("upcloud-batch")
    state_dir = folder / "state"
    # The example names AWS as well, where it has no servers made.
    others = {"aws_regions": "eu-central-1", "aws_endpoint_url": "http://127.0.0.1:9", **_AWS}
    iron = await build_local(stack_settings(state_dir)).create(_IRON, "the-test")
    with an_upcloud(folder, iron.ssh.port) as upcloud:
        # Without cloud-init, since the local server has a host key of its own.
        changes = {"upcloud_template": DEBIAN_11.title, "catalogue_dirs": str(ROOT / "tests" / "catalogue")}
        async with a_stack(state_dir, **upcloud.settings, **others, **changes, log_level="DEBUG") as started:
            await started.start()
            yield Scene(started, upcloud, iron)


_IRON = ServerSpec(infra="iron", name="iron-01", provider="local", plan="1xCPU-2GB", zone="local")
_AWS = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing-at-all"}


def example() -> dict[str, Any]:
    """The contract's, but for task services that need no package source."""
    contract = yaml.safe_load((ROOT / "api" / "contract" / "openapi.yaml").read_text())
    batch: dict[str, Any] = contract["components"]["examples"]["BatchOperationRequest"]["value"]
    (services,) = (one for one in batch["operations"] if one["type"] == "taskserv_batch")
    services["config"]["taskservs"] = ["beacon", "echo"]
    return batch


async def client_get(address: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.get(f"http://{address}/")


async def test_the_contracts_example_runs_to_its_end_and_back(scene: Scene) -> None:
    stack, upcloud, iron = scene
    upcloud.change(addresses=[iron.ssh.host])
    kept = await stack.http.post("/rollback/checkpoints", json={"name": "before"})
    before = kept.json()["data"]
    accepted = await stack.http.post("/batch/execute", json=example())
    assert accepted.status_code == 200, accepted.text
    batch_id = accepted.json()["data"]["batch_id"]
    batch = await ended(stack, batch_id)
    assert batch["status"] == "Completed", await tasks(stack, batch_id)

    (server,) = await answer(stack, "/inventory/servers", infra="default")
    assert (server["name"], server["provider"]) == ("web-01", "upcloud")
    assert (server["plan"], server["zone"]) == ("1xCPU-2GB", "de-fra1")
    assert server["ssh"] == {"host": iron.ssh.host, "port": iron.ssh.port, "user": "root"}
    assert {service["name"] for service in server["task_services"]} == {"beacon", "echo"}
    for service in server["task_services"]:
        assert service["address"].split(":")[0] == iron.ssh.host
        assert (await client_get(service["address"])).status_code == 200

    rolled = await stack.http.post("/rollback/execute", json={"checkpoint_id": before})
    assert rolled.status_code == 200, rolled.text
    assert rolled.json()["data"]["operations_failed"] == 0
    assert upcloud.traces() == []
    assert await answer(stack, "/inventory/servers", infra="default") == []
    for service in server["task_services"]:
        with pytest.raises(httpx.TransportError):
            await client_get(service["address"])


async def test_the_systems_health_says_whether_upcloud_lets_us_in(scene: Scene) -> None:
    async def it_does() -> bool:
        # A look that was late is made again.
        health = await answer(scene.stack, "/state/system/health")
        return bool(health["components"]["provider:upcloud"] == "Healthy")

    await eventually(it_does)


async def test_no_trace_of_a_run_holds_a_secret_of_upclouds(scene: Scene) -> None:
    stack, upcloud, _ = scene
    server = {"name": "checked", "plan": "1xCPU-1GB", "zone": "de-fra1", "image": DEBIAN_12.title}
    made = operation("made", [], "secret", server_configs=[server]) | {"provider": "upcloud"}
    await completed(stack, [made])
    config = yaml.safe_load(upcloud.state()["orders"][-1]["user_data"])
    private = config["ssh_keys"]["ed25519_private"].splitlines()
    secrets = {"token": upcloud.token.encode(), "host key": private[2].encode()}
    traces = [*files_of(stack), *documents_of(stack), *await histories_of(stack)]
    public = config["ssh_keys"]["ed25519_public"].split()[1].encode()
    assert any(place.startswith("ledger") for _, place in found({"no secret": public}, traces))
    assert found(secrets, traces) == set()
