"""`python -m tests.replay.record [NAME ...]`: records golden histories, all or those named, from real runs.

A new scenario is recorded by its name. Those that are there are recorded anew, and looked at, only when
running workflows may be left behind: what is recorded here is what a new version must still be able to go on
with.
"""

import asyncio
import contextlib
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory

from tests.replay.brief import FLAGS, runs_of
from tests.replay.cluster_scenarios import cluster_scenarios
from tests.replay.lock_scenarios import lock_scenarios
from tests.replay.rollback_scenarios import RollbackScenario, rollback_scenarios
from tests.replay.scenarios import Scenario, scenarios
from tests.support.engine import Engine, running_engine
from tests.support.mongodb import EmbeddedMongo
from tests.support.temporal import connect, start_dev_server
from workflows.codec import data_converter

HISTORIES = Path(__file__).parent / "histories"

IDENTITY = "recorder"
"""Stands where a client's or worker's process and host would."""


MANY_RUNS = ("batch", "rollback")
"""What may be continued, so that its runs are numbered."""

AnyScenario = Scenario | RollbackScenario


def every_scenario() -> list[AnyScenario]:
    return [*scenarios(), *cluster_scenarios(), *lock_scenarios(), *rollback_scenarios()]


async def main(names: Sequence[str]) -> None:
    """Those named, or all."""
    wanted = [one for one in every_scenario() if one.name in names or not names]
    with _folder() as usual, _folder() as brief:
        mongodb = EmbeddedMongo(Path(usual))
        mongodb.start()
        try:
            for folder, continued, flags in ((usual, False, ()), (brief, True, FLAGS)):
                if some := [one for one in wanted if one.continued is continued]:
                    await record(some, mongodb, Path(folder), *flags)
        finally:
            mongodb.stop()


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="provisioning-record-")


async def record(wanted: list[AnyScenario], mongodb: EmbeddedMongo, folder: Path, *flags: str) -> None:
    """Plays the scenarios one after the other on a dev server with these flags, and keeps their histories."""
    server, target = await start_dev_server(folder, *flags)
    try:
        await connect(target)
        client = await Client.connect(target, data_converter=data_converter, identity=IDENTITY)
        name = f"recorder-{uuid4().hex}"
        async with running_engine(client, mongodb.uri, folder, name=name, strict=True) as engine:
            for scenario in wanted:
                await keep(engine, scenario)
    finally:
        server.terminate()
        await server.wait()


async def keep(engine: Engine, scenario: AnyScenario) -> None:
    kept = await scenario.play(engine)
    folder = HISTORIES / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, workflow_id in kept.items():
        handle: WorkflowHandle[Any, Any] = engine.client.get_workflow_handle(workflow_id)
        with contextlib.suppress(
            WorkflowFailureError
        ):  # where it failed or was cancelled, which is its end too
            await handle.result()
        runs = [run async for run in runs_of(engine.client, workflow_id)]
        numbered = name in MANY_RUNS
        for number, history in enumerate(runs, start=1):
            (folder / f"{name}{f'-{number}' if numbered else ''}.json").write_text(_text(history))
    print(f"{scenario.name}: {', '.join(sorted(path.stem for path in folder.iterdir()))}")


def _text(history: WorkflowHistory) -> str:
    """An event a line, without stack traces: they name this machine's paths, and no replay looks at them."""
    kept = json.loads(history.to_json())
    for node in _objects(kept):
        node.pop("stackTrace", None)
    events = ",\n".join(json.dumps(event, sort_keys=True) for event in kept["events"])
    return f'{{"events": [\n{events}\n]}}\n'


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All JSON objects within `value`."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _objects(one)


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)  # activities fail here because they are told to
    asyncio.run(main(sys.argv[1:]))
