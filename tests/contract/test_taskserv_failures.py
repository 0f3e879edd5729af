"""Task services when something goes wrong: a script, a worker, a server, or another task in between."""

import asyncio
import os
import signal
from pathlib import Path

import asyncssh
import pytest
from temporalio.exceptions import ApplicationError

from tests.support.ssh_server import SshServer
from tests.support.taskserv_world import answer, failure, installed, until_nobody_follows, world
from tests.support.taskservs import TaskservBench
from workflows.domain.actions import InstallTaskserv
from workflows.domain.effects import EffectKind
from workflows.domain.resources import Server


@pytest.mark.parametrize("how", ["create", "health"])
async def test_a_failed_install_says_why_and_leaves_nothing(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer, how: str
) -> None:
    before = world(ssh_server)
    action = taskserv_bench.install(server, "flaky", {"fail": how})
    with pytest.raises(ApplicationError) as error:
        await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    assert failure(error) == ("ActionFailed", True)
    assert "install flaky on default/web-01" in error.value.message
    assert "listening on" in error.value.message, "the service's own log is in the error"
    assert world(ssh_server) == before


async def test_a_failed_reconfiguration_brings_the_old_one_back(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    old = await installed(bench, bench.install(server, "flaky", {"message": "old"}))
    for number, how in enumerate(("configure", "health")):
        action = bench.install(server, "flaky", {"message": "new", "fail": how}, task=f"bad-{number}")
        with pytest.raises(ApplicationError):
            await bench.run(bench.taskservs.install_taskserv, action)
        assert await answer(old) == "old"
    result = await bench.run(bench.taskservs.install_taskserv, bench.install(server, "flaky", task="t5"))
    assert result.effects == ()


async def test_a_failed_removal_brings_it_back(taskserv_bench: TaskservBench, server: Server) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "flaky", {"fail": "delete"}))
    with pytest.raises(ApplicationError, match="told to fail at delete") as error:
        await bench.run(bench.taskservs.remove_taskserv, bench.remove(server, "flaky"))
    assert failure(error) == ("ActionFailed", True)
    assert await answer(there) == "flaky"


@pytest.mark.parametrize("left", [0.0, 0.5], ids=["nothing", "half"])
async def test_a_damaged_memory_is_told_at_once_and_nothing_is_touched(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer, left: float
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "flaky"))
    marker = ssh_server.root / "var/lib/provisioning/taskservs/flaky/marker.json"
    whole = marker.read_text()
    marker.write_text(whole[: int(len(whole) * left)])
    before = world(ssh_server)
    action = bench.install(server, "flaky", {"message": "new"}, task="late")
    with pytest.raises(ApplicationError, match=r"web-01 remembers a task service.*marker\.json") as error:
        await bench.run(bench.taskservs.install_taskserv, action)
    assert failure(error) == ("ActionFailed", True)
    await bench.run(bench.taskservs.abandon_install, action)
    with pytest.raises(ApplicationError, match=r"web-01 remembers a task service"):
        await bench.run(bench.taskservs.remove_taskserv, bench.remove(server, "flaky"))
    assert world(ssh_server) == before
    assert await answer(there) == "flaky"
    marker.write_text(whole)
    result = await bench.run(bench.taskservs.install_taskserv, action)
    assert await answer(there) == "new"
    assert [effect.before for effect in result.effects] == [there]


async def test_what_could_not_even_be_brought_back_is_done_once_the_cause_is_mended(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench, before = taskserv_bench, world(ssh_server)
    await installed(bench, bench.install(server, "flaky"))
    cause = ssh_server.root / "srv/flaky/keep/all"
    cause.mkdir(parents=True)
    removal = bench.remove(server, "flaky")
    for _ in range(2):
        with pytest.raises(ApplicationError, match="while there is") as error:
            await bench.run(bench.taskservs.remove_taskserv, removal)
        assert failure(error) == ("ActionFailed", True)
    cause.rmdir()
    cause.parent.rmdir()
    result = await bench.run(bench.taskservs.remove_taskserv, removal)
    assert [effect.kind for effect in result.effects] == [EffectKind.TASKSERV_REMOVED]
    assert world(ssh_server) == before


async def test_try_later_is_retried(taskserv_bench: TaskservBench, server: Server) -> None:
    action = taskserv_bench.install(server, "flaky", {"fail": "later"})
    with pytest.raises(ApplicationError, match="not now") as error:
        await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    assert failure(error) == ("Unavailable", False)
    result = await taskserv_bench.run(taskserv_bench.taskservs.install_taskserv, action)
    assert (result.effects[0].kind, result.effects[0].before) == (EffectKind.TASKSERV_INSTALLED, None)


async def test_cancelling_brings_back_what_was_there(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench, before = taskserv_bench, world(ssh_server)
    action = bench.install(server, "flaky", {"fail": "waiting"})
    with pytest.raises(asyncio.CancelledError):
        await bench.run_cancelled(
            bench.taskservs.install_taskserv, action, lambda: "listening on" in _service_log(ssh_server)
        )
    await until_nobody_follows(ssh_server, before)
    assert world(ssh_server) == before


async def test_a_worker_that_dies_leaves_a_job_to_attach_to_or_to_abandon(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench, before = taskserv_bench, world(ssh_server)
    action = bench.install(server, "flaky", {"fail": "waiting"})
    lost = asyncio.ensure_future(bench.run(bench.taskservs.install_taskserv, action))
    await _until(lambda: "listening on" in _service_log(ssh_server))
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    assert len(ssh_server.processes()) > 1, "the job goes on without its worker"
    _let_it_go_on(ssh_server)
    result = await bench.run(bench.taskservs.install_taskserv, action)
    assert result.effects[0].before is None
    await bench.run(bench.taskservs.abandon_install, action)
    assert world(ssh_server) == before
    await bench.run(bench.taskservs.abandon_install, action)
    assert world(ssh_server) == before
    _let_it_go_on(ssh_server)
    anew = await bench.run(bench.taskservs.install_taskserv, action)
    assert len(anew.effects) == 1, "an abandoned action can be done again"


async def test_a_killed_job_is_retried_with_what_was_there_before_it(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    action = bench.install(server, "flaky", {"fail": "waiting"})
    running = asyncio.ensure_future(bench.run(bench.taskservs.install_taskserv, action))
    await _until(lambda: "listening on" in _service_log(ssh_server))
    group = ssh_server.root / f"var/lib/provisioning/jobs/{action.key}.1/group"
    os.killpg(int(group.read_text()), signal.SIGKILL)
    with pytest.raises(ApplicationError) as error:
        await running
    assert failure(error) == ("Unavailable", False)
    _let_it_go_on(ssh_server)
    result = await bench.run(bench.taskservs.install_taskserv, action)
    assert (result.effects[0].kind, result.effects[0].before) == (EffectKind.TASKSERV_INSTALLED, None)


async def test_an_abandoned_removal_brings_the_service_back(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "beacon", {"message": "old"}))
    removal = bench.remove(server, "beacon")
    await bench.run(bench.taskservs.remove_taskserv, removal)
    await bench.run(bench.taskservs.abandon_removal, removal)
    assert await answer(there) == "old"
    result = await bench.run(bench.taskservs.install_taskserv, bench.install(server, "beacon", task="t7"))
    assert result.effects == ()


async def test_an_abandoned_reconfiguration_brings_the_old_one_back(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "beacon", {"message": "old"}))
    # It is done, and its result is lost.
    change = bench.install(server, "beacon", {"message": "new"}, task="t2")
    assert await answer(await installed(bench, change)) == "new"
    for _ in range(2):
        await bench.run(bench.taskservs.abandon_install, change)
        assert await answer(there) == "old"
    result = await bench.run(bench.taskservs.install_taskserv, bench.install(server, "beacon", task="t7"))
    assert result.effects == ()


async def test_abandoning_what_was_never_begun_touches_nothing(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "beacon"))
    await bench.run(bench.taskservs.abandon_install, bench.install(server, "beacon", task="never"))
    await bench.run(bench.taskservs.abandon_removal, bench.remove(server, "beacon", task="never"))
    assert await answer(there) == "here"


async def test_abandoning_leaves_alone_what_another_task_changed_since(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    mine = bench.install(server, "beacon", {"message": "mine"})
    await installed(bench, mine)
    theirs = bench.install(server, "beacon", {"message": "theirs"}, task="t2")
    changed = await installed(bench, theirs)
    await bench.run(bench.taskservs.abandon_install, mine)
    assert await answer(changed) == "theirs"


async def test_two_tasks_at_once_leave_one_installation(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    actions = [bench.install(server, "beacon", task=f"t{n}") for n in range(4)]

    async def until_done(action: InstallTaskserv) -> int:
        while True:
            try:
                return len((await bench.run(bench.taskservs.install_taskserv, action)).effects)
            except ApplicationError as error:
                assert error.type == "Unavailable"

    effects = await asyncio.gather(*map(until_done, actions))
    assert sorted(effects) == [0, 0, 0, 1]


async def test_a_server_that_is_gone(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    await ssh_server.stop()
    with pytest.raises(ApplicationError) as error:
        await bench.run(bench.taskservs.install_taskserv, bench.install(server, "beacon"))
    assert failure(error) == ("Unavailable", False)
    bench.providers.known.clear()
    with pytest.raises(ApplicationError) as error:
        await bench.run(bench.taskservs.install_taskserv, bench.install(server, "beacon"))
    assert failure(error) == ("NotFound", True)
    await bench.run(bench.taskservs.abandon_install, bench.install(server, "beacon"))
    result = await bench.run(bench.taskservs.remove_taskserv, bench.remove(server, "beacon"))
    assert result.effects == ()


async def test_a_server_that_is_gone_and_whose_address_another_one_has(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    there = server.model_copy(update={"ssh": server.ssh.model_copy(update={"host_key": key})})
    install, remove = bench.install(there, "beacon"), bench.remove(there, "beacon")
    for action, activity in (
        (install, bench.taskservs.install_taskserv),
        (install, bench.taskservs.abandon_install),
        (remove, bench.taskservs.remove_taskserv),
    ):
        with pytest.raises(ApplicationError, match="another host key") as error:
            await bench.run(activity, action)
        assert failure(error) == ("Refused", True)
    bench.providers.known.clear()
    with pytest.raises(ApplicationError) as error:
        await bench.run(bench.taskservs.install_taskserv, install)
    assert failure(error) == ("NotFound", True)
    await bench.run(bench.taskservs.abandon_install, install)
    result = await bench.run(bench.taskservs.remove_taskserv, remove)
    assert result.effects == ()


async def test_every_line_of_the_log_reaches_the_sink(taskserv_bench: TaskservBench, server: Server) -> None:
    bench = taskserv_bench
    await bench.run(bench.taskservs.install_taskserv, bench.install(server, "beacon"))
    again = bench.install(server, "beacon", task="t2")
    await bench.run(bench.taskservs.install_taskserv, again)
    lines = [line for line in bench.log.lines.values() if line.job == f"{again.key}.1"]
    assert [line.text for line in lines] == ["beacon is as wanted and answers"]
    assert (lines[0].task_id, lines[0].server, lines[0].taskserv) == ("t2", "default/web-01", "beacon")


def _service_log(ssh_server: SshServer) -> str:
    path = Path(ssh_server.root, "var/log/provisioning/flaky.log")
    return path.read_text() if path.exists() else ""


def _let_it_go_on(ssh_server: SshServer) -> None:
    data = ssh_server.root / "srv/flaky"
    data.mkdir(parents=True, exist_ok=True)
    (data / "go").touch()


async def _until(true: "object") -> None:
    assert callable(true)
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what happens on the server sets no event here
            await asyncio.sleep(0.02)
