"""`provisioning inventory` against a real API."""

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest

from tests.support.api import Api
from tests.support.command_line import CommandLine, add, log_in
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import created, deleted, server

Shell = pymongo.database.Database[dict[str, Any]]


@pytest.fixture
def shell(api: Api, mongodb: EmbeddedMongo) -> Iterator[Shell]:
    with pymongo.MongoClient[dict[str, Any]](mongodb.uri) as client:
        yield client[api.settings.mongodb_database]


async def test_a_rebuild_tells_what_differs_and_mends_it(
    admin: CommandLine, api: Api, shell: Shell, api_url: str
) -> None:
    stores = api.services.stores
    web, gone = server("web"), server("gone")
    await stores.ledger.append([created(web), created(gone), deleted(gone)])
    await stores.inventory.catch_up()

    right = await admin.run("inventory", "rebuild", "--check")
    assert (right.code, right.out) == (0, ""), right
    assert right.err == "3 effects make 2 resources: no differences\n"

    shell["inventory"].update_one({"_id": "server:default/gone"}, {"$set": {"exists": True}})
    shell["inventory"].delete_one({"_id": "server:default/web"})
    found = await admin.run("inventory", "rebuild", "--check")
    assert found.code == 5
    assert found.out.splitlines() == [
        "server:default/gone\tdifferent\texists\tno",
        "server:default/web\tmissing\t\tno",
    ]
    assert found.err == "3 effects make 2 resources: 2 differences\nerror: 2 differences are left\n"

    viewer = await add(admin, "operator")
    await log_in(admin, api_url, viewer, "--profile", "operator")
    refused = await admin.run("inventory", "rebuild", "--profile", "operator")
    assert (refused.code, refused.err) == (1, "error: this needs the role admin\n")

    mended = await admin.run("inventory", "rebuild", "--json")
    assert mended.json() == {
        "position": 3,
        "resources": 2,
        "found": 2,
        "mended": 2,
        "differences": [
            {"resource": "server:default/gone", "kind": "different", "fields": ["exists"], "mended": True},
            {"resource": "server:default/web", "kind": "missing", "mended": True},
        ],
        "unreadable": [],
    }
    assert "2 mended" in mended.err
    assert [item.server for item in await stores.inventory.servers()] == [web]


async def test_a_damaged_ledger_is_told_and_costs_nothing_that_is_kept(
    admin: CommandLine, api: Api, shell: Shell
) -> None:
    stores = api.services.stores
    effect = created(server("damaged"))
    await stores.ledger.append([effect])
    position = await stores.inventory.catch_up()
    shell["ledger"].update_one({"_id": effect.id}, {"$set": {"json": "{}"}})
    ended = await admin.run("inventory", "rebuild")
    assert (ended.code, ended.out) == (5, "server:default/damaged\tunreadable\t\tno\n")
    assert f"cannot be read: {position}\n" in ended.err
    assert await stores.inventory.server("default", "damaged") is not None
