"""Whatever was done to the inventory, a rebuild brings back what the ledger says."""

import asyncio
from typing import Any

import pymongo
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.mongo.connection import Connection
from tests.contract.test_inventory_rebuild import Documents, Shell, Stores, folded, kept
from tests.support.mongodb import EmbeddedMongo
from tests.support.samples import created, server
from workflows.domain.effects import Effect
from workflows.domain.resources import Server

FIELDS = ("position", "exists", "infra", "server", "task_id", "json")
VALUES: list[object] = [None, True, -1, 3, 10**12, 2.5, "", "text", [1], {"a": 1}]
KEYS = [*(f"server:default/{name}" for name in "abc"), *(f"taskserv:default/{name}/redis" for name in "abc")]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(data=st.data())
def test_whatever_was_done_to_it(mongodb: EmbeddedMongo, data: st.DataObject) -> None:
    effects = data.draw(st.lists(st.sampled_from("abc").map(_created), min_size=1, max_size=4))
    spoils = data.draw(
        st.lists(
            st.tuples(st.sampled_from(KEYS), st.sampled_from(FIELDS), st.sampled_from(VALUES)), max_size=6
        )
    )
    lost = data.draw(st.lists(st.sampled_from(KEYS), max_size=2))
    marker = data.draw(st.none() | st.sampled_from(VALUES))

    async def mended(shell: Shell) -> Documents:
        connection = Connection(mongodb.uri, shell.name)
        stores = Stores(connection)
        await stores.write(*effects)
        for key, field, value in spoils:
            shell["inventory"].update_one({"_id": key}, {"$set": {field: value}}, upsert=True)
        shell["inventory"].delete_many({"_id": {"$in": lost}})
        if marker is not None:
            shell["markers"].update_one({"_id": "inventory"}, {"$set": {"position": marker}}, upsert=True)
        await stores.rebuild.run(mend=True)
        assert not (await stores.rebuild.run(mend=False)).differences
        # What comes next is folded as ever.
        effects.append(created(server("a", owner="the next one")))
        await stores.write(effects[-1])
        connection.close()
        return kept(shell)

    with pymongo.MongoClient[dict[str, Any]](mongodb.uri) as client:
        shell = client[f"test-{ObjectId()}"]
        assert asyncio.run(mended(shell)) == folded(effects)


def _created(name: str) -> Effect:
    made: Server = server(name)
    return created(made)
