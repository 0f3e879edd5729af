"""The write and the reading by which a process sees whether MongoDB keeps what it is given."""

import asyncio

import pymongo.database

from activities.mongo.connection import Connection
from activities.mongo.probe import Probe


async def test_many_at_once_each_read_what_they_wrote(
    connection: Connection, raw_database: pymongo.database.Database[dict[str, object]]
) -> None:
    probe = Probe(connection)
    await asyncio.gather(*(probe.write_and_read() for _ in range(50)))
    assert raw_database["probes"].count_documents({}) == 1


async def test_each_process_has_a_document_of_its_own(
    connection: Connection, raw_database: pymongo.database.Database[dict[str, object]]
) -> None:
    probes = [Probe(connection) for _ in range(3)]
    for probe in probes:
        await probe.write_and_read()
    assert raw_database["probes"].count_documents({}) == 3
