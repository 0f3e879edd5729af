"""With keys for payloads, Temporal's database holds no value of a request in clear"""

import base64
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.payload_encryption import ENCODING, KEY_ID, payload_converter
from activities.payload_keys import rotate
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from activities.settings import Settings
from activities.temporal_connection import access, connect
from activities.workflow_sandbox import workflow_runner
from tests.e2e.test_api_batches import ended, execute, operation
from tests.support.api import Api, api_settings, running_api
from tests.support.batches import batch, server_operation
from tests.support.engine import Engine, running_engine
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import ROOT, eventually
from tests.support.supervised import supervised
from worker import WORKFLOWS, create_worker
from workflows.batch_state import BatchInput
from workflows.domain.states import BatchStatus, TaskStatus

PAGE = "http://temporal-ui.example:8233"


@pytest.fixture(scope="module")
async def api(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    folder = tmp_path_factory.mktemp("sealed")
    settings = api_settings(folder, mongodb, temporal).model_copy(
        update={
            "payload_keys": SecretStr("a key for the payloads of this test"),
            "codec_origins": PAGE,
            "catalogue_dirs": str(ROOT / "tests" / "catalogue"),
        }
    )
    door = SshDoor(folder)
    try:
        async with running_api(settings, temporal) as api:
            client = await connect(access(settings))
            catalogue = ClusterCatalogue.from_settings(settings)
            contracts = assemble(client, api.services.stores, build_providers(settings), catalogue, door)
            async with supervised(lambda: create_worker(client, settings.task_queue, contracts)):
                yield api
    finally:
        await door.close()
        await build_local(settings).remove_all()


def contents(folder: Path) -> bytes:
    """Everything in Temporal's database: each value of each table, however its pages lie, and its files."""
    with sqlite3.connect(f"file:{folder / 'temporal.db'}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        values = [
            value if isinstance(value, bytes) else str(value).encode()
            for table in tables
            for row in database.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            for value in row
        ]
    return b"\n".join([*values, *(path.read_bytes() for path in sorted(folder.glob("temporal.db*")))])


def services(identity: str, needs: str, **params: str) -> dict[str, Any]:
    config = {"taskservs": [{"name": "flaky", "params": params}]}
    return {"id": identity, "type": "taskserv_batch", "provider": "local", "dependencies": [needs]} | {
        "config": config
    }


async def test_temporals_database_holds_no_value_of_a_request(api: Api, temporal_folder: Path) -> None:
    names = ("batch", "server", "label", "message", "failing", "request")
    values = {name: f"{name}-{uuid4().hex}" for name in names}
    # It goes along in headers, to whatever the work begins.
    api.client.headers["X-Request-ID"] = values["request"]
    server = {
        "name": values["server"],
        "plan": "7xCPU-77GB",
        "zone": "local-w",
        "labels": {"for": values["label"]},
    }
    batch_id = await execute(
        api,
        operation("servers", server_configs=[server]),
        services("install", "servers", message=values["message"]),
        # Fails once it is there, so the batch is taken back: failures and compensations are kept there too.
        services("break", "install", message=values["failing"], fail="configure"),
        name=values["batch"],
    )
    done = await ended(api, batch_id)
    assert done["status"] == "Failed"
    # What it says of its failure names the server, so the text of the error is looked for too.
    assert f"could not install flaky on default/{values['server']}" in done["error"]

    kept = contents(temporal_folder)
    # The ids by which executions are found are in clear, so a value would be found here.
    assert batch_id.encode() in kept
    assert {name for name, value in values.items() if value.encode() in kept} == set()
    assert b"7xCPU-77GB" not in kept


async def test_without_keys_they_are_there(temporal: Client, temporal_folder: Path) -> None:
    value = f"label-{uuid4().hex}"
    wanted = batch(server_operation("make", sort=value))
    handle = await temporal.start_workflow(
        "BatchWorkflow", BatchInput(batch=wanted), id=wanted.batch_id, task_queue=f"nobody-{uuid4()}"
    )
    await handle.terminate()
    assert value.encode() in contents(temporal_folder)


async def test_the_keys_are_changed_while_a_batch_runs(
    temporal: Client, mongodb: EmbeddedMongo, tmp_path: Path
) -> None:
    settings = Settings(
        temporal_address=temporal.service_client.config.target_host, payload_keys_file=tmp_path / "keys"
    )
    rotate(tmp_path / "keys")
    client = await connect(access(settings))
    name = f"rotation-{uuid4().hex}"
    async with running_engine(client, mongodb.uri, tmp_path, name=name, strict=False) as engine:
        wanted = batch(server_operation("first"), server_operation("second", ["first"], hold="yes"))
        handle = await engine.start(wanted)
        await eventually(lambda: _is_running(engine, wanted.batch_id))
        rotate(tmp_path / "keys")
        # A process that starts now seals with the new key at once, and the worker meets it first here.
        other = await connect(access(settings))
        await other.get_workflow_handle(wanted.batch_id).query("snapshots", wanted.batch_id)
        engine.provider.release("second")
        assert (await handle.result()).status is BatchStatus.COMPLETED
        history = await other.get_workflow_handle(wanted.batch_id).fetch_history()
    assert len(_key_ids(history)) == 2
    # And a worker that knows nothing yet reads all of it.
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=payload_converter(settings),
        workflow_runner=workflow_runner(strict=False),
    )
    await replayer.replay_workflow(history)


async def _is_running(engine: Engine, batch_id: str) -> bool:
    tasks = {task.name: task for task in await engine.stores.read_model.tasks_of([batch_id])}
    return "second" in tasks and tasks["second"].status is TaskStatus.RUNNING


def _key_ids(history: WorkflowHistory) -> set[bytes]:
    text = "\n".join(str(event) for event in history.events)
    return {line.encode() for line in text.splitlines() if KEY_ID in line} and {
        payload.metadata[KEY_ID]
        for event in history.events
        for payload in (
            *event.workflow_execution_started_event_attributes.input.payloads,
            *event.activity_task_scheduled_event_attributes.input.payloads,
            *event.start_child_workflow_execution_initiated_event_attributes.input.payloads,
        )
    }


async def test_a_temporal_ui_shows_payloads_to_those_who_may(api: Api) -> None:
    (sealed,) = await payload_converter(api.settings).encode(["of a request"])
    body = {"payloads": [_as_json(dict(sealed.metadata), sealed.data)]}
    assert sealed.metadata["encoding"] == ENCODING
    shown = {"payloads": [_as_json({"encoding": b"json/plain"}, b'"of a request"')]}

    decoded = await api.client.post("/codec/decode", json=body)
    assert (decoded.status_code, decoded.json()) == (200, shown)
    again = await api.client.post("/codec/encode", json=shown)
    assert again.json() != body
    assert (await api.client.post("/codec/decode", json=again.json())).json() == shown

    viewer = await api.token((await api.user("viewer")).username)
    async with api.anonymous() as client:
        assert (await client.post("/codec/decode", json=body)).status_code == 401
        refused = await client.post("/codec/session", headers={"Authorization": f"Bearer {viewer}"})
        assert refused.status_code == 403
        assert not client.cookies

        opened = await client.post(
            "/codec/session", headers={"Authorization": api.client.headers["Authorization"]}
        )
        assert (
            "HttpOnly" in opened.headers["set-cookie"] and "SameSite=strict" in opened.headers["set-cookie"]
        )
        page = {"Origin": PAGE, "X-Namespace": "default"}
        preflight = await client.options(
            "/codec/decode",
            headers=page
            | {
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,x-namespace",
            },
        )
        assert preflight.status_code == 200
        in_the_page = await client.post("/codec/decode", json=body, headers=page)
        assert in_the_page.json() == shown
        assert in_the_page.headers["Access-Control-Allow-Origin"] == PAGE
        assert in_the_page.headers["Access-Control-Allow-Credentials"] == "true"
        # The cookie is for this and nothing else; other pages are not let in.
        assert (await client.get("/tasks")).status_code == 401
        elsewhere = await client.post(
            "/codec/decode", json=body, headers={"Origin": "http://elsewhere.example"}
        )
        assert "Access-Control-Allow-Origin" not in elsewhere.headers


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (
            ({"encoding": ENCODING, KEY_ID: b"other"}, b"x" * 40),
            "payloads[0]: a payload is sealed with the key",
        ),
        (({"encoding": b"binary/zlib"}, b"no zlib"), "payloads[0]: it is no compressed payload"),
    ],
)
async def test_what_cannot_be_decoded_is_refused_with_its_place(
    api: Api, payload: tuple[dict[str, bytes], bytes], message: str
) -> None:
    answer = await api.client.post("/codec/decode", json={"payloads": [_as_json(*payload)]})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(message)


def _as_json(metadata: dict[str, bytes], data: bytes) -> dict[str, Any]:
    named = {name: base64.b64encode(value).decode() for name, value in metadata.items()}
    return {"metadata": named, "data": base64.b64encode(data).decode()}
