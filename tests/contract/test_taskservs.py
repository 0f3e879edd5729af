"""What the task service activities promise, over SSH, with the quick services of the test catalogue."""

import httpx
import pytest
from temporalio.exceptions import ApplicationError

from tests.support.ssh_server import SshServer
from tests.support.stack import eventually
from tests.support.taskserv_world import answer, failure, installed, world
from tests.support.taskservs import TaskservBench
from workflows.domain.actions import InstallTaskserv, RemoveTaskserv
from workflows.domain.effects import EffectKind, inverse
from workflows.domain.resources import Server, Taskserv


async def test_install_brings_it_up_and_says_where(taskserv_bench: TaskservBench, server: Server) -> None:
    action = taskserv_bench.install(server, "beacon", {"message": 'it\'s "me" $HOME `id`; true'})
    result = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    (effect,) = result.effects
    assert (effect.id, effect.kind, effect.before) == (action.key, EffectKind.TASKSERV_INSTALLED, None)
    assert isinstance(effect.after, Taskserv)
    assert effect.after.owner == action.key
    assert effect.after.params == {"port": 7070, "message": 'it\'s "me" $HOME `id`; true'}
    assert await answer(effect.after) == 'it\'s "me" $HOME `id`; true'
    assert result.note == f"installed beacon on default/web-01 ({server.ssh.host}:7070)"


async def test_a_retry_after_the_result_was_lost_gives_the_same_effect(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    action = taskserv_bench.install(server, "beacon")
    first = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    second = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    assert [e.model_copy(update={"at": first.effects[0].at}) for e in second.effects] == list(first.effects)


async def test_what_is_there_as_wanted_has_no_effect(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    await installed(taskserv_bench, taskserv_bench.install(server, "beacon", {"message": "mine"}))
    before = world(ssh_server)
    for params in ({}, {"message": "mine"}, {"port": 7070}):
        action = taskserv_bench.install(server, "beacon", dict(params), task=f"t-{len(params)}-{params}")
        result = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
        assert result.effects == ()
        assert "already installed" in result.note
    assert world(ssh_server) == before


async def test_what_does_not_answer_is_repaired_without_an_effect(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    there = await installed(taskserv_bench, taskserv_bench.install(server, "beacon"))
    (process,) = ssh_server.processes()
    process.kill()
    await eventually(lambda: ssh_server.processes() == [])
    again = taskserv_bench.install(server, "beacon", task="t9")
    result = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, again)
    assert result.effects == ()
    assert await answer(there) == "here"
    told = [line.text for line in taskserv_bench.log.lines.values() if line.task_id == "t9"]
    assert told[0] == "beacon is as wanted but does not answer: bringing it up again"


async def test_other_parameters_reconfigure_and_the_inverse_brings_the_old_ones_back(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    old = await installed(taskserv_bench, taskserv_bench.install(server, "beacon", {"message": "old"}))
    action = taskserv_bench.install(server, "beacon", {"message": "new", "port": 7171}, task="t2")
    result = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    (effect,) = result.effects
    assert (effect.kind, effect.before) == (EffectKind.TASKSERV_CONFIGURED, old)
    assert isinstance(effect.after, Taskserv)
    assert await answer(effect.after) == "new"
    back = inverse(effect)
    assert isinstance(back, InstallTaskserv)
    undone = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, back)
    assert undone.effects[0].after == old
    assert await answer(old) == "old"
    with pytest.raises(httpx.ConnectError):
        await answer(effect.after)


async def test_install_and_removal_leave_the_world_as_it_was(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    before = world(ssh_server)
    action = taskserv_bench.install(server, "beacon")
    result = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    back = inverse(result.effects[0])
    assert isinstance(back, RemoveTaskserv)
    removed = await taskserv_bench.run(taskserv_bench.taskservs.remove_taskserv, back)
    assert removed.effects[0].before == result.effects[0].after
    assert removed.effects[0].after is None
    assert world(ssh_server) == before
    again = await taskserv_bench.run(taskserv_bench.taskservs.remove_taskserv, back)
    assert [e.id for e in again.effects] == [e.id for e in removed.effects]


async def test_removing_what_is_not_there_has_no_effect(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    action = taskserv_bench.remove(server, "beacon")
    result = await taskserv_bench.run(taskserv_bench.taskservs.remove_taskserv, action)
    assert result.effects == ()
    assert "was not installed" in result.note


async def test_what_another_service_needs_stays(taskserv_bench: TaskservBench, server: Server) -> None:
    bench = taskserv_bench
    with pytest.raises(ApplicationError, match="needs beacon"):
        await bench.run(bench.taskservs.install_taskserv, bench.install(server, "echo", task="t0"))
    beacon = await installed(bench, bench.install(server, "beacon"))
    await installed(bench, bench.install(server, "echo"))
    with pytest.raises(ApplicationError, match="needed by: echo") as error:
        await bench.run(bench.taskservs.remove_taskserv, bench.remove(server, "beacon"))
    assert failure(error) == ("Conflict", True)
    assert await answer(beacon) == "here"
    await bench.run(bench.taskservs.remove_taskserv, bench.remove(server, "echo"))
    result = await bench.run(bench.taskservs.remove_taskserv, bench.remove(server, "beacon"))
    assert len(result.effects) == 1
