"""Batches whose histories are kept, of those that need locks: they get them at once, wait, or give up."""

from collections.abc import Awaitable, Callable

from tests.replay.scenarios import Scenario, wide
from tests.support.batches import batch, server_operation
from tests.support.engine import Engine, Handle
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchSpec
from workflows.domain.states import BatchStatus


def lock_scenarios() -> list[Scenario]:
    return [
        Scenario("locks", in_two_infras(), BatchStatus.COMPLETED, ()),
        Scenario(
            "locks_waited",
            again("waited"),
            BatchStatus.COMPLETED,
            (),
            wait_for_it,
            lists=("waited",),
            before=locked_by_another("waited"),
        ),
        Scenario(
            "locks_cancel",
            again("unwaited"),
            BatchStatus.CANCELLED,
            (),
            give_up,
            lists=("unwaited",),
            before=locked_by_another("unwaited"),
        ),
        Scenario(
            "locks_continue_as_new",
            wide("continued-locks", 14, failing=True),
            BatchStatus.FAILED,
            (),
            continued=True,
        ),
    ]


def in_two_infras() -> BatchSpec:
    return batch(server_operation("one", infra="two-b"), server_operation("other", infra="two-a"))


def again(infra: str) -> BatchSpec:
    return batch(server_operation("make", infra=infra, servers=[infra]))


def locked_by_another(infra: str) -> Callable[[Engine], Awaitable[None]]:
    """Another batch that holds the lock of the server that is named like its infra."""

    async def locked(engine: Engine) -> None:
        handle = await engine.start(batch(server_operation("make", infra=infra, servers=[infra], hold="yes")))

        async def works() -> bool:
            return (await handle.query(BatchWorkflow.progress)).current_step == "running make"

        await eventually(works)

    return locked


async def wait_for_it(engine: Engine, handle: Handle) -> None:
    await is_behind(handle)
    engine.provider.release("waited")


async def give_up(engine: Engine, handle: Handle) -> None:
    await is_behind(handle)
    await handle.signal(BatchWorkflow.cancel, "it takes too long")
    await handle.result()
    engine.provider.release("unwaited")


async def is_behind(handle: Handle) -> None:
    async def behind() -> bool:
        return (await handle.query(BatchWorkflow.progress)).current_step.startswith("waiting")

    await eventually(behind)
