"""How a batch ends: completed, failed with and without rollback, cancelled, with an undoing that fails."""

from tests.support.batches import batch, server_operation
from tests.support.engine import Engine, Handle
from tests.support.stack import eventually
from workflows.batch import BatchWorkflow
from workflows.domain.batches import BatchSpec
from workflows.domain.effects import EffectKind
from workflows.domain.progress import ProgressInfo
from workflows.domain.states import BatchStatus, FailureAction, TaskStatus
from workflows.policies import MAX_ACTIONS


async def statuses(engine: Engine, wanted: BatchSpec) -> dict[str, TaskStatus]:
    return {name: task.status for name, task in (await engine.tasks(wanted)).items()}


async def first_completed(handle: Handle) -> None:
    async def reached() -> bool:
        return bool((await handle.query("progress", result_type=ProgressInfo)).completed_steps >= 1)

    await eventually(reached)


async def exist(engine: Engine, *names: str) -> list[bool]:
    return [await engine.provider.find("default", name) is not None for name in names]


async def test_a_batch_completes_and_its_effects_are_in_the_ledger_once(strict_engine: Engine) -> None:
    wanted = batch(server_operation("ok-a"), server_operation("ok-b", ["ok-a"]))
    result = await strict_engine.run(wanted)
    assert result.status is BatchStatus.COMPLETED
    page = await strict_engine.stores.ledger.page(batch_id=wanted.batch_id, limit=10, offset=0)
    assert [(e.effect.kind, e.effect.server.key) for e in page.items] == [
        (EffectKind.SERVER_CREATED, "default/ok-b"),
        (EffectKind.SERVER_CREATED, "default/ok-a"),
    ]
    record = await strict_engine.stores.read_model.batch(wanted.batch_id)
    assert record is not None
    assert record.status is BatchStatus.COMPLETED
    assert record.progress is not None
    assert (record.progress.progress, record.progress.completed_steps) == (100.0, 2)


async def test_a_failure_takes_everything_back_dependents_first(strict_engine: Engine) -> None:
    wanted = batch(
        server_operation("rb-a"),
        server_operation("rb-b", ["rb-a"]),
        server_operation("rb-c", ["rb-b"]),
        server_operation("rb-x", ["rb-c"], fail_create="refused"),
        server_operation("rb-y", ["rb-x"]),
    )
    result = await strict_engine.run(wanted)
    assert result.status is BatchStatus.FAILED
    assert result.remaining == ()
    assert await exist(strict_engine, "rb-a", "rb-b", "rb-c", "rb-x", "rb-y") == [False] * 5
    assert await statuses(strict_engine, wanted) == {
        "rb-a": TaskStatus.COMPLETED,
        "rb-b": TaskStatus.COMPLETED,
        "rb-c": TaskStatus.COMPLETED,
        "rb-x": TaskStatus.FAILED,
        "rb-y": TaskStatus.CANCELLED,
    }
    page = await strict_engine.stores.ledger.page(batch_id=wanted.batch_id, limit=10, offset=0)
    undone = [e.effect.server.spec.name for e in reversed(page.items) if e.effect.cause.undoes]
    assert undone == ["rb-c", "rb-b", "rb-a"]


async def test_without_rollback_dependents_are_cancelled_and_the_rest_runs_on(strict_engine: Engine) -> None:
    wanted = batch(
        server_operation("nr-a"),
        server_operation("nr-x", ["nr-a"], fail_create="refused"),
        server_operation("nr-y", ["nr-x"]),
        server_operation("nr-b", ["nr-a"], create_seconds="0.3"),
        server_operation("nr-c", ["nr-b"]),
        rollback_enabled=False,
    )
    result = await strict_engine.run(wanted)
    assert result.status is BatchStatus.FAILED
    assert await statuses(strict_engine, wanted) == {
        "nr-a": TaskStatus.COMPLETED,
        "nr-x": TaskStatus.FAILED,
        "nr-y": TaskStatus.CANCELLED,
        "nr-b": TaskStatus.COMPLETED,
        "nr-c": TaskStatus.COMPLETED,
    }
    assert await exist(strict_engine, "nr-a", "nr-b", "nr-c", "nr-y") == [True, True, True, False]


async def test_an_operation_may_wish_otherwise(strict_engine: Engine) -> None:
    tolerated = server_operation("ow-x", fail_create="refused", on_failure=FailureAction.CONTINUE)
    wanted = batch(tolerated, server_operation("ow-a", create_seconds="0.2"))
    assert (await strict_engine.run(wanted)).status is BatchStatus.FAILED
    assert await exist(strict_engine, "ow-a") == [True]

    stopping = server_operation("ow-y", ["ow-b"], fail_create="refused", on_failure=FailureAction.FAIL)
    wanted = batch(server_operation("ow-b"), stopping, server_operation("ow-c", hold="yes"))
    assert (await strict_engine.run(wanted)).status is BatchStatus.FAILED
    assert await exist(strict_engine, "ow-b", "ow-c") == [True, False]


async def test_an_operation_that_fails_half_way_takes_its_own_part_back(strict_engine: Engine) -> None:
    good = server_operation("hw", servers=["hw-1", "hw-2"])
    bad = good.config.model_copy(
        update={
            "server_configs": [
                *good.config.server_configs,
                server_operation("hw-3", fail_create="refused", create_seconds="0.2").config.server_configs[
                    0
                ],
            ]
        }
    )
    wanted = batch(good.model_copy(update={"config": bad}))
    result = await strict_engine.run(wanted)
    assert (result.status, result.remaining) == (BatchStatus.FAILED, ())
    assert await exist(strict_engine, "hw-1", "hw-2", "hw-3") == [False] * 3


async def test_cancel_stops_what_runs_and_takes_back_what_was_built(strict_engine: Engine) -> None:
    wanted = batch(
        server_operation("ca-a"),
        server_operation("ca-b", ["ca-a"], hold="yes"),
        server_operation("ca-c", ["ca-b"]),
    )
    handle = await strict_engine.start(wanted)
    await first_completed(handle)
    await handle.signal(BatchWorkflow.cancel, "enough")
    result = await handle.result()
    assert (result.status, result.error, result.remaining) == (BatchStatus.CANCELLED, "enough", ())
    assert await exist(strict_engine, "ca-a", "ca-b", "ca-c") == [False] * 3
    tasks = await strict_engine.tasks(wanted)
    assert tasks["ca-b"].status is TaskStatus.CANCELLED
    assert tasks["ca-c"].error == "not started: enough"


async def test_cancelling_in_the_temporal_ui_is_the_same_cancel(strict_engine: Engine) -> None:
    wanted = batch(server_operation("cu-a"), server_operation("cu-b", ["cu-a"], hold="yes"))
    handle = await strict_engine.start(wanted)
    await first_completed(handle)
    await handle.cancel()
    try:
        await handle.result()
    except Exception as error:
        assert "ancel" in str(error.__cause__)
    else:
        raise AssertionError("Temporal shows the batch as completed")
    record = await strict_engine.stores.read_model.batch(wanted.batch_id)
    assert record is not None
    assert record.status is BatchStatus.CANCELLED
    assert await exist(strict_engine, "cu-a", "cu-b") == [False, False]


async def test_an_undoing_that_fails_for_good_is_named_and_the_others_still_run(
    strict_engine: Engine,
) -> None:
    wanted = batch(
        server_operation("uf-a", fail_delete="refused"),
        server_operation("uf-b"),
        server_operation("uf-x", ["uf-a", "uf-b"], fail_create="refused"),
    )
    result = await strict_engine.run(wanted)
    assert result.status is BatchStatus.FAILED
    assert len(result.remaining) == 1
    assert result.remaining[0].startswith("uf-a: server created default/uf-a: ")
    assert await exist(strict_engine, "uf-a", "uf-b") == [True, False]
    record = await strict_engine.stores.read_model.batch(wanted.batch_id)
    assert record is not None
    assert record.remaining == result.remaining


async def test_a_passing_fault_of_the_provider_costs_nothing_but_time(strict_engine: Engine) -> None:
    wanted = batch(server_operation("pf-a", fail_create="2"))
    assert (await strict_engine.run(wanted)).status is BatchStatus.COMPLETED
    page = await strict_engine.stores.ledger.page(batch_id=wanted.batch_id, limit=10, offset=0)
    assert page.total == 1


async def test_an_operation_of_more_steps_than_a_history_holds_does_nothing(strict_engine: Engine) -> None:
    many = server_operation("many", servers=["some", "more"])
    counts = zip(many.config.server_configs, (1000, MAX_ACTIONS - 999), strict=True)
    configs = [server.model_copy(update={"count": count}) for server, count in counts]
    config = many.config.model_copy(update={"server_configs": configs})
    wanted = batch(many.model_copy(update={"config": config}))
    assert (await strict_engine.run(wanted)).status is BatchStatus.FAILED
    task = (await strict_engine.tasks(wanted))["many"]
    assert task.error == "1501 steps are more than the 1500 of one operation: divide it up"
    assert await exist(strict_engine, "some-1", "more-1") == [False, False]
