"""The workers that live, each with the time of its last beat.

All times are the database server's: it stamps the beats and says how late it is now, so the clocks of workers
and readers need not agree, and a reader that has just started knows as much as any other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING, IndexModel

from activities.mongo.connection import Connection, Document
from activities.monitoring_ports import Sighting, WorkerProcess

FORGOTTEN_AFTER = timedelta(minutes=2)
"""Silence after which a worker is taken as gone for good."""


class MongoWorkerRegistry:
    """Implements `WorkerRegistry`."""

    def __init__(self, connection: Connection) -> None:
        expiry = int(FORGOTTEN_AFTER.total_seconds())
        self._connection = connection
        self._workers = connection.collection(
            "workers",
            [
                IndexModel([("task_queue", ASCENDING)]),
                IndexModel([("beat_at", ASCENDING)], expireAfterSeconds=expiry),
            ],
        )

    async def beat(self, worker: WorkerProcess) -> None:
        """Says that the worker lives. The first beat enters it, also where it had been forgotten."""
        fields = worker.model_dump(mode="json", exclude={"id"})
        change = {"$set": fields, "$currentDate": {"beat_at": True}}
        async with self._workers.opened() as collection:
            await collection.update_one({"_id": worker.id}, change, upsert=True)

    async def leave(self, worker_id: str) -> None:
        """Strikes out a worker that has ended."""
        async with self._workers.opened() as collection:
            await collection.delete_one({"_id": worker_id})

    async def workers(self, task_queue: str) -> Sequence[Sighting]:
        """Those that work on the queue; who has been silent for long is forgotten."""
        async with self._workers.opened() as collection:
            documents = await collection.find({"task_queue": task_queue}).to_list(None)
        # Asked afterwards, so that no beat lies in the future.
        now = await self._connection.server_time()
        seen = self._workers.readable(documents, lambda document: _sighting(document, now))
        # The server removes what has expired about once a minute.
        return [sighting for sighting in seen if sighting.silent_for < FORGOTTEN_AFTER.total_seconds()]


def _sighting(document: Document, now: datetime) -> Sighting:
    beat_at = document["beat_at"]
    if not isinstance(beat_at, datetime):
        raise TypeError
    worker = WorkerProcess.model_validate({**document, "id": document["_id"]})
    return Sighting(worker, max((now - beat_at).total_seconds(), 0.0))
