"""A trace of one batch: the whole way from the request to the remote job, in one tree, and no content."""

from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import Client

from activities import tracing
from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from activities.settings import Settings
from activities.temporal_connection import access, connect
from tests.e2e.test_api_batches import ended, execute, operation
from tests.support.api import api_settings, running_api
from tests.support.collector import Collector, SpanSeen, collecting
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import ROOT
from tests.support.supervised import supervised
from worker import create_worker


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def test_it_is_off_by_default() -> None:
    assert tracing.start(Settings(), "nothing") == ()


async def test_one_batch_is_one_tree(
    mongodb: EmbeddedMongo,
    temporal: Client,
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = api_settings(tmp_path_factory.mktemp("traced"), mongodb, temporal).model_copy(
        update={
            "tracing_endpoint": collector.address,
            "catalogue_dirs": str(ROOT / "tests" / "catalogue"),
        }
    )
    label, message = (f"value-{uuid4().hex}" for _ in range(2))
    install = {"taskservs": [{"name": "flaky", "params": {"message": message, "fail": "create"}}]}
    door = SshDoor(settings.state_dir)
    try:
        async with running_api(settings, temporal) as api:
            client = await connect(access(settings))
            catalogue = ClusterCatalogue.from_settings(settings)
            contracts = assemble(client, api.services.stores, build_providers(settings), catalogue, door)
            async with supervised(lambda: create_worker(client, settings.task_queue, contracts)):
                server = {"name": "traced", "plan": "1xCPU-2GB", "zone": "local", "labels": {"for": label}}
                batch_id = await execute(
                    api,
                    operation("servers", server_configs=[server]),
                    operation("install", "servers") | {"type": "taskserv_batch", "config": install},
                )
                assert (await ended(api, batch_id))["status"] == "Failed"
    finally:
        await door.close()
        await build_local(settings).remove_all()
        provider = trace.get_tracer_provider()
        assert isinstance(provider, TracerProvider)
        # Sends what waits, and ends it for the tests that follow.
        provider.shutdown()

    (root,) = (span for span in collector.spans if span.name == "POST /batch/execute")
    assert root.parent_id == "" and root.attributes["http.route"] == "/batch/execute"
    tree = [span for span in collector.spans if span.trace_id == root.trace_id]
    below = {span.span_id: span for span in tree}
    assert [span for span in tree if span is not root and span.parent_id not in below] == []

    job = next(span for span in tree if span.name == "remote job")
    way = [span.name for span in reversed(list(ancestors(job, below)))]
    assert way == [
        "POST /batch/execute",
        "StartWorkflow:BatchWorkflow",
        "StartChildWorkflow:TaskservsWorkflow",
        "StartActivity:install_taskserv",
        "RunActivity:install_taskserv",
    ]
    names = Counter(span.name for span in tree)
    assert {names[f"RunWorkflow:{kind}Workflow"] for kind in ("Batch", "Servers", "Taskservs")} == {1}
    assert (names["RunActivity:create_server"], names["RunActivity:delete_server"]) == (1, 1)
    assert job.attributes["job.ending"] == "exited" and job.attributes["job.exit_code"] != "0"
    # The installation failed, and its error's text has both.
    for value in (label, message, "told to fail"):
        assert value.encode() not in collector.raw


def ancestors(span: SpanSeen, below: dict[str, SpanSeen]) -> Iterator[SpanSeen]:
    while span.parent_id:
        span = below[span.parent_id]
        yield span
