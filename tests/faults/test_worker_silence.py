"""Workers that fall silent or are killed: what the whole stack says of itself, and that it comes back."""

import signal
from pathlib import Path
from typing import Any

from activities.mongo.stores import open_stores
from tests.support.stack import Stack, a_stack, eventually


async def worker_text(stack: Stack) -> str:
    answer = await stack.http.get("/state/system/health")
    body: Any = answer.json()
    return str(body["data"]["components"]["worker"]) if answer.is_success else ""


def says(stack: Stack, beginning: str, status: int) -> Any:
    async def condition() -> bool:
        text = await worker_text(stack)
        return text.startswith(beginning) and (await stack.http.get("/health")).status_code == status

    return condition


async def registered(stack: Stack) -> set[int]:
    stores = open_stores(stack.settings)
    try:
        return {s.worker.pid for s in await stores.workers.workers(stack.settings.task_queue)}
    finally:
        await stores.close()


async def test_silence_is_seen_and_its_end_too(tmp_path: Path) -> None:
    async with a_stack(tmp_path / "state", workers=2) as stack:
        await stack.start()
        await eventually(says(stack, "Healthy", 200))

        # A supervisor starts a worker that was killed again, and the successor strikes it out.
        killed = stack.kill("worker-1")
        await stack.is_back("worker-1", killed)

        async def only_the_living() -> bool:
            return await registered(stack) == {stack.pid(name) for name in stack.workers}

        await eventually(only_the_living)

        number = len(stack.workers)
        pids = [stack.pid(name) for name in stack.workers]
        stopped = [stack.kill(name, signal.SIGSTOP) for name in stack.workers]
        assert stopped == pids
        await eventually(says(stack, "Critical: no worker polls the task queue", 503))
        first, *others = stack.workers
        stack.kill(first, signal.SIGCONT)
        await eventually(says(stack, f"Warning: {number - 1} of {number} workers fell silent", 200))
        for name in others:
            stack.kill(name, signal.SIGCONT)
        await eventually(says(stack, "Healthy", 200))
    assert "worker-1 did not end" not in stack.output
