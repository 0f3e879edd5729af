"""What findings come to, how checks are run, and when a worker is missing."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.monitoring_ports import Sighting, WorkerProcess
from activities.shared_call import SharedCall
from api.monitoring.checks import judge_room, lets_us_in
from api.monitoring.disk import growing_folder
from api.monitoring.health import HEALTHY, Finding, Status, SystemHealth
from api.monitoring.monitor import Component, Monitor
from api.monitoring.occasional import Occasional
from api.monitoring.workers import WorkerCheck
from workflows.domain.errors import ProvisioningError, Refused, Unavailable

GIB = 1024**3
MIB = 1024**2


def finding_of(status: str) -> Finding:
    return Finding(Status(status), "" if status == "Healthy" else "why")


@pytest.mark.parametrize(
    ("statuses", "overall"),
    [
        (["Healthy", "Healthy"], "Healthy"),
        (["Warning", "Healthy"], "Warning"),
        (["Warning", "Critical", "Healthy"], "Critical"),
        ([], "Healthy"),
    ],
)
def test_the_worst_decides(statuses: list[str], overall: str) -> None:
    findings = {str(number): finding_of(status) for number, status in enumerate(statuses)}
    assert SystemHealth(findings, datetime.now(UTC)).overall == overall


def test_a_text_begins_with_its_word_and_stays_short() -> None:
    assert HEALTHY.text == "Healthy"
    assert Finding(Status.WARNING, "why").text == "Warning: why"
    assert len(Finding(Status.CRITICAL, "x" * 10_000).text) <= 200


@pytest.mark.parametrize(
    ("free", "total", "status"),
    [
        (50 * GIB, 100 * GIB, "Healthy"),
        (9 * GIB, 100 * GIB, "Warning"),
        (GIB - 1, 4 * GIB, "Warning"),
        (1 * GIB, 100 * GIB, "Critical"),
        (200 * MIB - 1, GIB, "Critical"),
        (0, 0, "Critical"),
    ],
)
def test_how_much_room_is_enough(free: int, total: int, status: str) -> None:
    assert judge_room(free, total).status == status


async def test_checks_fail_each_in_its_own_way_and_side_by_side(caplog: pytest.LogCaptureFixture) -> None:
    secret = "mongodb://root:hunter2@db"
    met = asyncio.Barrier(3)

    async def broken() -> Finding:
        await met.wait()
        raise KeyError(secret)

    async def away() -> Finding:
        await met.wait()
        raise Unavailable("does not answer")

    async def late() -> Finding:
        await met.wait()
        await asyncio.Event().wait()
        return HEALTHY

    monitor = Monitor(
        [Component("broken", broken), Component("away", away, Status.WARNING), Component("late", late)],
        deadline=0.5,
    )
    health = await monitor.health()
    texts = {name: finding.text for name, finding in health.findings.items()}
    assert texts == {
        "broken": "Critical: the check itself failed; the service's log says why",
        "away": "Warning: does not answer",
        "late": "Critical: no answer within 0.5 s",
    }
    assert "health check of broken" in caplog.text


async def test_who_asks_at_the_same_time_shares_one_look() -> None:
    looks = 0
    go = asyncio.Event()

    async def check() -> Finding:
        nonlocal looks
        looks += 1
        await go.wait()
        return HEALTHY

    monitor = Monitor([Component("part", check)])
    asking = [asyncio.create_task(monitor.health()) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    go.set()
    answers = await asyncio.gather(*asking[1:])
    assert looks == 1
    assert all(answer is answers[0] for answer in answers)
    assert await monitor.health() is answers[0]


class Registry:
    """Answers with what it was told; None stands for a database that is away."""

    def __init__(self, silences: Sequence[float] | None) -> None:
        self.silences = silences

    async def workers(self, task_queue: str) -> Sequence[Sighting]:
        if self.silences is None:
            raise Unavailable("away")
        now = datetime.now(UTC)
        worker = WorkerProcess(id="w", host="h", pid=1, task_queue=task_queue, started_at=now)
        return [Sighting(worker, silence) for silence in self.silences]

    async def beat(self, worker: WorkerProcess) -> None: ...

    async def leave(self, worker_id: str) -> None: ...


class Polls:
    def __init__(self, polled: bool | None) -> None:
        self.polled = polled

    async def are_there(self) -> bool:
        if self.polled is None:
            raise Unavailable("away")
        return self.polled


@pytest.mark.parametrize(
    ("silences", "polled", "text", "surely_none"),
    [
        ([0, 3], True, "Healthy", False),
        ([0, 3], None, "Healthy", False),
        ([0, 25], True, "Warning: 1 of 2 workers fell silent 25 s ago", False),
        ([0, 25, 40], True, "Warning: 2 of 3 workers fell silent 25 s ago", False),
        ([25], True, "Critical: no worker polls the task queue; the last fell silent 25 s ago", True),
        ([], True, "Critical: no worker polls the task queue", True),
        ([0], False, "Critical: 1 worker alive, and none polls the task queue", True),
        (None, True, "Healthy", False),
        (None, False, "Critical: no worker polls the task queue", False),
        (None, None, "Critical: neither MongoDB nor Temporal can tell whether a worker polls", False),
    ],
)
async def test_when_a_worker_is_missing(
    silences: list[float] | None, polled: bool | None, text: str, surely_none: bool
) -> None:
    check = WorkerCheck(Registry(silences), Polls(polled), "queue", grace=0)
    assert ((await check.find()).text, check.surely_none) == (text, surely_none)


async def test_it_is_too_early_to_be_sure_right_after_the_start() -> None:
    check = WorkerCheck(Registry([]), Polls(False), "queue", grace=1000)
    assert ((await check.find()).status, check.surely_none) == (Status.CRITICAL, False)


async def test_the_workers_get_time_to_enter_again_when_the_registry_was_away() -> None:
    registry = Registry(None)
    check = WorkerCheck(registry, Polls(True), "queue", grace=0)
    await check.find()
    registry.silences = []
    assert ((await check.find()).status, check.surely_none) == (Status.HEALTHY, False)


class Door:
    """Lets in whom it was told to, and counts who asked."""

    def __init__(self) -> None:
        self.error: ProvisioningError | None = None
        self.asked = 0

    async def check_access(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


async def test_a_provider_that_lets_nobody_in_is_a_warning_in_its_own_words() -> None:
    door = Door()
    check = lets_us_in(door)
    assert await check() == HEALTHY
    for error in (Refused("the token is not valid"), Unavailable("does not answer")):
        door.error = error
        assert (await check()).text == f"Warning: {error.message}"


async def test_an_occasional_check_gives_its_finding_again_for_a_while() -> None:
    door = Door()
    seldom = Occasional(lets_us_in(door), kept=1000, kept_bad=0)
    door.error = Unavailable("does not answer")
    for _ in range(3):
        assert (await seldom.find()).status is Status.WARNING
    door.error = None
    for _ in range(3):
        assert await seldom.find() == HEALTHY
    assert door.asked == 4, "a bad finding is looked at anew each time, a good one is kept"


async def test_an_occasional_check_outlasts_an_asker_who_has_no_patience() -> None:
    go = asyncio.Event()
    looks = 0

    async def check() -> Finding:
        nonlocal looks
        looks += 1
        await go.wait()
        return HEALTHY

    seldom = Occasional(check)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(seldom.find(), 0.01)
    go.set()
    assert await seldom.find() == HEALTHY
    assert looks == 1


async def test_a_call_that_hangs_is_made_once() -> None:
    calls = 0
    gate = threading.Event()

    def call() -> int:
        nonlocal calls
        calls += 1
        gate.wait()
        return calls

    shared = SharedCall(call)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(shared.result(), 0.01)
    gate.set()
    assert await shared.result() == 1
    assert await shared.result() == 2


def test_the_disk_of_the_snapshots_counts_where_there_are_some(tmp_path: Path) -> None:
    assert growing_folder(tmp_path) == tmp_path
    (tmp_path / "snapshots").mkdir()
    assert growing_folder(tmp_path) == tmp_path / "snapshots"
