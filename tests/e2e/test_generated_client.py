"""A client that a generator makes of the served document, as it comes out, does everything that is needed."""

import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from api.openapi import served_contract
from api.permissions import MINIMAL_ROLE
from tests.support.contract_check import HOOKS
from tests.support.stack import Stack, eventually

CHECKED = {"event_hooks": HOOKS}
PACKAGE = "generated_provisioning_client"
BATCH = {
    "name": "generated",
    "operations": [
        {
            "id": "servers",
            "type": "server_batch",
            "provider": "local",
            "dependencies": [],
            "config": {"server_configs": [{"name": "generated", "plan": "1xCPU-2GB", "zone": "local"}]},
        }
    ],
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("client")
    document = folder / "openapi.json"
    document.write_bytes(served_contract())
    scripts = sysconfig.get_path("scripts")
    command = [f"{scripts}/openapi-python-client", "generate", "--path", str(document), "--meta", "none"]
    ran = subprocess.run(
        [*command, "--output-path", str(folder / PACKAGE), "--fail-on-warning"],
        # It formats what it writes with ruff, and warns where there is none.
        env=os.environ | {"PATH": f"{scripts}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "warning" not in (ran.stdout + ran.stderr).lower(), ran.stdout
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(folder))


def module(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


def endpoints() -> Iterator[Any]:
    """Every module of the client that stands for an operation."""
    api = module("api")
    for found in pkgutil.walk_packages(api.__path__, f"{PACKAGE}.api."):
        if not found.ispkg:
            yield importlib.import_module(found.name)


def read_operations() -> set[str]:
    """The modules of everything that is read, as the generator names them."""
    paths = json.loads(served_contract())["paths"]
    return {
        re.sub("([A-Z])", r"_\1", item["get"]["operationId"]).lower()
        for path, item in paths.items()
        if f"GET {path}" in MINIMAL_ROLE and path != "/ws"
    }


async def test_it_logs_in_submits_follows_and_reads_everything(stack: Stack, client: Any) -> None:
    models = module("models")
    async with client.Client(base_url=stack.base_url, httpx_args=CHECKED) as anonymous:
        login = await module("api.authentication.user_login").asyncio(
            client=anonymous,
            body=models.LoginRequest(username=stack.settings.admin_username, password=stack.admin_password),
        )
    async with client.AuthenticatedClient(
        base_url=stack.base_url, token=login.data.token, httpx_args=CHECKED
    ) as caller:
        await use(caller)


async def use(caller: Any) -> None:
    """Submits a batch, follows it to its end, and reads everything that can be read."""
    models = module("models")
    submitted = await module("api.batch_operations.execute_batch_operation").asyncio(
        client=caller, body=models.BatchOperationRequest.from_dict(BATCH)
    )
    batch_id = submitted.data.batch_id
    status = module("api.batch_operations.get_batch_operation_status")

    async def ended() -> bool:
        state = await status.asyncio(batch_id, client=caller)
        return str(state.data.status) != "Running"

    await eventually(ended, within=120)
    state = await status.asyncio(batch_id, client=caller)
    assert state.data.status == "Completed", state
    ids = {
        "batch_id": batch_id,
        "workflow_id": batch_id,
        "task_id": state.data.operations[0].task_id,
    }
    wanted = read_operations()
    found = [endpoint for endpoint in endpoints() if endpoint.__name__.rpartition(".")[2] in wanted]
    assert len(found) == len(wanted)
    for endpoint in found:
        parameters = inspect.signature(endpoint._get_kwargs).parameters.values()
        given = {p.name: ids[p.name] for p in parameters if p.default is p.empty}
        answer = await endpoint.asyncio_detailed(client=caller, **given)
        assert answer.status_code == 200, (endpoint.__name__, answer.content)
        # What Prometheus reads is text.
        assert isinstance(answer.parsed, str) or answer.parsed.success is True, endpoint.__name__
