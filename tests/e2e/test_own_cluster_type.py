"""Adding a cluster type works as the page beside the example says."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from tests.support.api import api_settings, running_api
from tests.support.clusters import Clusters, backends, redis
from tests.support.command_line import CommandLine, log_in, served
from tests.support.mongodb import EmbeddedMongo
from tests.support.supervised import supervised
from worker import create_worker

FOLDER = Path(__file__).parents[2] / "deploy/examples/catalogue"
PAGE = (FOLDER / "clusters/README.md").read_text()
TYPE, CONFIG, COMMANDS = re.findall(r"```\w+\n(.*?)```", PAGE, re.S)


def test_the_page_is_short_and_shows_what_is_there() -> None:
    assert len(PAGE.splitlines()) < 75
    assert (FOLDER / "clusters/site.yaml").read_text() == TYPE


@pytest.fixture
async def shop(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> AsyncIterator[Clusters]:
    """A service with the catalogue of the page, and an infra with its settings."""
    (tmp_path / "catalogue/clusters").mkdir(parents=True)
    (tmp_path / "catalogue/clusters/site.yaml").write_text(TYPE)
    (tmp_path / "infra/shop").mkdir(parents=True)
    (tmp_path / "infra/shop/config.k").write_text(CONFIG)
    settings = api_settings(tmp_path / "state", mongodb, temporal).model_copy(
        update={"infra_dir": tmp_path / "infra", "catalogue_dirs": str(tmp_path / "catalogue")}
    )
    door, catalogue = SshDoor(settings.state_dir), ClusterCatalogue.from_settings(settings)
    try:
        async with running_api(settings, temporal) as api, served(api.app) as url:
            contracts = assemble(temporal, api.services.stores, build_providers(settings), catalogue, door)
            await log_in(CommandLine(tmp_path / "config"), url)
            async with supervised(lambda: create_worker(temporal, settings.task_queue, contracts)):
                yield Clusters(api.client, settings)
    finally:
        await door.close()
        await build_local(settings).remove_all()


async def test_a_cluster_of_ones_own_type_lives_as_the_page_says(shop: Clusters, tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "config")
    config = shop.settings.infra_dir / "shop/config.k"
    create, scale, upgrade, delete = (line.split()[1:] for line in COMMANDS.splitlines())

    async def carried_out(words: list[str], change: Callable[[str], str] = str) -> None:
        config.write_text(change(config.read_text()))
        ended = await command.run(*words)
        assert ended.code == 0, ended

    await carried_out(create)
    assert await pages(shop) == {"front-2": "16777216", "front-3": "16777216"}
    await carried_out(scale, lambda text: text.replace("nodes = 3", "nodes = 4"))
    assert (await pages(shop)).keys() == {"front-2", "front-3", "front-4"}
    await carried_out(upgrade, lambda text: text.replace("cache_mb = 16", "cache_mb = 32"))
    assert set((await pages(shop)).values()) == {"33554432"}
    await carried_out(delete)
    assert await shop.answer("/inventory/servers", infra="shop") == []


async def pages(shop: Clusters) -> dict[str, str]:
    """The bytes of the cache of each page, by its name; all of them are answered from behind the balancer."""
    servers = {one["name"]: one for one in await shop.answer("/inventory/servers", infra="shop")}
    addresses = {
        name: {service["name"]: service["address"] for service in server["task_services"]}
        for name, server in servers.items()
    }
    behind = {name: services for name, services in addresses.items() if "redis" in services}
    assert addresses.keys() - behind.keys() == {"front-1"}
    answering = await backends(addresses["front-1"]["caddy"])
    assert answering == {services["caddy"] for services in behind.values()}
    return {
        name: (await redis(services["redis"], "CONFIG", "GET", "maxmemory")).split("\r\n")[4]
        for name, services in behind.items()
    }
