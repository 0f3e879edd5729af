"""What Prometheus reads of a running API and worker; dashboard and alerts ask for nothing else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.service import RPCError

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from activities.temporal_connection import access, connect
from api.app import create_app
from deploy.local.ports import free_port
from tests.e2e.test_api_batches import ended, execute, operation
from tests.support.api import Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo
from tests.support.promql import Sample, problems, samples
from tests.support.stack import ROOT, eventually
from tests.support.supervised import supervised
from worker import create_worker

MONITORING = ROOT / "deploy" / "monitoring"
TOKEN = "what prometheus is given"
PARTS = {"provisioning_batches", "provisioning_locks", "provisioning_component_status"}
"""What the API has to find out: it leaves out what takes it longer than some seconds."""


@dataclass(frozen=True)
class Watched:
    api: Api
    worker: Client

    async def scrape(self) -> list[Sample]:
        """A scrape in which nothing is left out."""
        found: list[Sample] = []

        async def is_whole() -> bool:
            nonlocal found
            found = await self._scraped()
            return {sample.name for sample in found} >= PARTS

        await eventually(is_whole)
        return found

    async def _scraped(self) -> list[Sample]:
        of_api = await self.api.client.get("/metrics")
        assert of_api.headers["Content-Type"].startswith("text/plain; version=")
        async with httpx.AsyncClient(trust_env=False) as client:
            port = self.api.settings.worker_metrics_port
            of_worker = await client.get(f"http://127.0.0.1:{port}/metrics")
        return samples(of_api.text, job="provisioning-api") + samples(
            of_worker.text, job="provisioning-worker"
        )


@pytest.fixture(scope="module")
async def watched(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Watched]:
    settings = api_settings(tmp_path_factory.mktemp("watched"), mongodb, temporal).model_copy(
        update={"worker_metrics_port": free_port(), "metrics_token": SecretStr(TOKEN)}
    )
    door = SshDoor(settings.state_dir)
    try:
        async with running_api(settings, temporal) as api:
            client = await connect(access(settings))
            contracts = assemble(
                client,
                api.services.stores,
                build_providers(settings),
                ClusterCatalogue.from_settings(settings),
                door,
            )
            async with supervised(lambda: create_worker(client, settings.task_queue, contracts)):
                yield Watched(api, client)
    finally:
        await door.close()
        await build_local(settings).remove_all()


def value(exposed: list[Sample], name: str, **labels: str) -> float:
    fitting = [s for s in exposed if s.name == name and labels.items() <= dict(s.labels).items()]
    return sum(sample.value for sample in fitting)


def queries() -> list[str]:
    """All that the dashboard and the alerts ask."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    return [target["expr"] for panel in panels for target in panel["targets"]] + [
        rule["expr"] for rule in rules()
    ]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


async def test_what_is_done_is_counted_and_every_query_finds_something(watched: Watched) -> None:
    api = watched.api
    before = await watched.scrape()
    name = f"watched-{uuid4().hex[:8]}"
    assert (await ended(api, await execute(api, operation(name))))["status"] == "Completed"
    other = {"name": name, "plan": "2xCPU-4GB", "zone": "local"}
    refused = await ended(api, await execute(api, operation(name, server_configs=[other])))
    assert refused["status"] == "Failed"
    wrong = {"username": "nobody", "password": "wrong"}
    assert (await api.client.post("/auth/login", json=wrong)).status_code == 401
    with pytest.raises(RPCError):
        await watched.worker.get_workflow_handle("there is none").describe()

    after = await watched.scrape()

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("provisioning_http_requests_total", route="/batch/execute", status="200") == 2
    assert grown("provisioning_http_request_duration_seconds_count", route="/batch/execute") == 2
    assert grown("provisioning_login_refusals_total", reason="credentials") == 1
    assert grown("provisioning_batches", status="Completed") == 1
    assert grown("provisioning_tasks", status="Failed") == 1
    assert grown("provisioning_effects_total", kind="server_created") == 1
    assert value(after, "provisioning_component_status", component="mongodb") == 0
    assert [problem for query in queries() for problem in problems(query, after)] == []


async def test_made_up_paths_and_methods_make_no_series(watched: Watched) -> None:
    for number in range(5):
        await watched.api.client.get(f"/made-up/{number}")
        await watched.api.client.request(f"MADE{number}", "/tasks")
    exposed = await watched.scrape()
    labels = [s.labels for s in exposed if s.name == "provisioning_http_requests_total"]
    assert not any("made-up" in one["route"] or "MADE" in one["method"] for one in labels)
    assert value(exposed, "provisioning_http_requests_total", route="unknown", status="404") == 5
    assert value(exposed, "provisioning_http_requests_total", method="other", status="405") == 5


async def test_who_may_read_it(watched: Watched) -> None:
    api = watched.api
    viewer = await api.token((await api.user("viewer")).username)
    nobody = await api.token((await api.user()).username)
    async with api.anonymous() as client:

        async def status(token: str | None, path: str = "/metrics") -> int:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return (await client.get(path, headers=headers)).status_code

        given = await asyncio.gather(*(status(token) for token in (TOKEN, viewer, nobody, "wrong", None)))
        assert given == [200, 200, 403, 401, 401]
        assert await status(TOKEN, "/tasks") == 401


async def test_without_a_database_the_rest_is_told(watched: Watched) -> None:
    gone = watched.api.settings.model_copy(
        update={"mongodb_uri": SecretStr(f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=100")}
    )
    app = create_app(gone)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client,
    ):
        answer = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        exposed = samples(answer.text)
    assert value(exposed, "provisioning_component_status", component="mongodb") == 2
    assert not any(sample.name == "provisioning_batches" for sample in exposed)


def test_every_alert_says_what_it_means() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_no_alert_takes_the_first_sample_for_a_whole_window() -> None:
    """The extremes over a window are those of one sample where a process has just started."""
    for rule in rules():
        for window in re.findall(r"(?:min|max|avg)_over_time\([^)]*\[(\w+)]\)", rule["expr"]):
            assert f"offset {window}" in rule["expr"] or "for" in rule, rule["alert"]


def test_a_query_for_what_is_not_exposed_is_found_out() -> None:
    exposed = samples('a_total{kind="x"} 1\n')
    for query in ("rate(b_total[5m])", 'a_total{kind="y"}', "sum by (sort) (a_total)", 'a_total{sort=~"."}'):
        assert list(problems(query, exposed)), query
    for query in ("sum by (kind) (rate(a_total[5m]))", 'a_total{kind="y"} or vector(0)', "up"):
        assert list(problems(query, exposed)) == []
