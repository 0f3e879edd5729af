"""What configuring and restarting promise, over SSH, with the quick services of the test catalogue."""

import asyncio
import contextlib
import os
import signal
from typing import NamedTuple

import psutil
import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

from tests.support.ssh_server import SshServer
from tests.support.taskserv_world import answer, failure, installed, until_nobody_follows, world
from tests.support.taskservs import TaskservBench
from workflows.domain.actions import InstallTaskserv, RestartTaskserv
from workflows.domain.effects import ActionResult, EffectKind, inverse
from workflows.domain.resources import Server, Taskserv


class Run(NamedTuple):
    """One run of a service's process."""

    pid: int
    started: float


def runs_of(ssh_server: SshServer) -> list[Run]:
    found = []
    for process in ssh_server.processes():
        with contextlib.suppress(psutil.Error):  # it may end at any time
            if "server.py" in " ".join(process.cmdline()):
                found.append(Run(process.pid, process.create_time()))
    return found


def run_of(ssh_server: SshServer) -> Run:
    (run,) = runs_of(ssh_server)
    return run


async def until_down(ssh_server: SshServer) -> None:
    async with asyncio.timeout(30):
        while runs_of(ssh_server):  # noqa: ASYNC110 - a process that ends sets no event here
            await asyncio.sleep(0.02)


async def test_configuring_changes_what_is_named_and_keeps_the_rest(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    old = await installed(bench, bench.install(server, "beacon", {"message": "old", "port": 7171}))
    action = bench.configure(server, "beacon", {"message": "new"})
    result = await bench.run(bench.taskservs.configure_taskserv, action)
    (effect,) = result.effects
    assert (effect.id, effect.kind, effect.before) == (action.key, EffectKind.TASKSERV_CONFIGURED, old)
    assert isinstance(effect.after, Taskserv)
    assert effect.after.params == {"message": "new", "port": 7171}
    assert await answer(effect.after) == "new"
    assert result.note == f"reconfigured beacon on default/web-01 ({server.ssh.host}:7171)"
    again = await bench.run(bench.taskservs.configure_taskserv, action)
    assert [(e.id, e.before) for e in again.effects] == [(effect.id, old)], "a retry finds its own work"
    back = inverse(effect)
    assert isinstance(back, InstallTaskserv)
    await bench.run(bench.taskservs.install_taskserv, back)
    assert await answer(old) == "old"


async def test_configuring_to_what_is_so_already_has_no_effect(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    await installed(bench, bench.install(server, "beacon", {"message": "mine"}))
    before = run_of(ssh_server)
    for task, params in (("a", {}), ("b", {"message": "mine"})):
        action = bench.configure(server, "beacon", dict(params), task=task)
        result = await bench.run(bench.taskservs.configure_taskserv, action)
        assert result.effects == ()
        assert "unchanged" in result.note
    assert run_of(ssh_server) == before


async def test_a_failed_configuration_brings_the_old_one_back(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    old = await installed(bench, bench.install(server, "flaky", {"message": "old"}))
    run = run_of(ssh_server)
    action = bench.configure(server, "flaky", {"message": "new", "fail": "configure"})
    with pytest.raises(ApplicationError, match="told to fail at configure") as error:
        await bench.run(bench.taskservs.configure_taskserv, action)
    assert failure(error) == ("ActionFailed", True)
    assert await answer(old) == "old"
    await bench.run(bench.taskservs.abandon_configuration, action)
    assert await answer(old) == "old"
    assert run_of(ssh_server) == run, "what the script did not come to is not interrupted"


async def test_a_configuration_with_which_it_runs_and_is_not_well_is_taken_back(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    old = await installed(bench, bench.install(server, "flaky", {"message": "old"}))
    ill: dict[str, JsonValue] = {"message": "new", "fail": "deaf", "start_timeout": 1}
    with pytest.raises(ApplicationError, match="does not answer") as error:
        await bench.run(bench.taskservs.configure_taskserv, bench.configure(server, "flaky", ill))
    assert failure(error) == ("ActionFailed", True)
    assert await answer(old) == "old"


async def test_what_is_not_installed_can_be_neither_configured_nor_restarted(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench, before = taskserv_bench, world(ssh_server)
    for method, action in (
        (bench.taskservs.configure_taskserv, bench.configure(server, "beacon", {"message": "new"})),
        (bench.taskservs.restart_taskserv, bench.restart(server, "beacon")),
    ):
        with pytest.raises(ApplicationError) as error:
            await bench.run(method, action)
        assert failure(error) == ("NotFound", True)
        assert error.value.message == f"could not {action.summary}: it is not installed there"
    assert world(ssh_server) == before
    # Once it is installed, the same action finds it.
    await installed(bench, bench.install(server, "beacon"))
    await bench.run(bench.taskservs.restart_taskserv, bench.restart(server, "beacon"))


async def test_a_restart_is_another_run_with_the_same_settings(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "beacon", {"message": "mine"}))
    before, first = world(ssh_server), run_of(ssh_server)
    action = bench.restart(server, "beacon", {"start_timeout": 20})
    result = await bench.run(bench.taskservs.restart_taskserv, action)
    (effect,) = result.effects
    assert (effect.id, effect.kind) == (action.key, EffectKind.TASKSERV_RESTARTED)
    assert effect.before == effect.after == there
    assert result.note == f"restarted beacon on default/web-01 ({server.ssh.host}:7070)"
    second = run_of(ssh_server)
    assert second != first
    assert (await answer(there), world(ssh_server)) == ("mine", before)
    # The result was lost: the retry finds it.
    again = await bench.run(bench.taskservs.restart_taskserv, action)
    assert ([e.id for e in again.effects], run_of(ssh_server)) == ([effect.id], second)
    await bench.run(bench.taskservs.restart_taskserv, bench.restart(server, "beacon", task="t5"))
    assert run_of(ssh_server) != second


async def test_a_restart_takes_no_parameters_but_how_long_it_may_take(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    await installed(bench, bench.install(server, "beacon"))
    action = bench.restart(server, "beacon", {"message": "new"})
    with pytest.raises(ApplicationError, match="a restart changes no parameters, such as message") as error:
        await bench.run(bench.taskservs.restart_taskserv, action)
    assert failure(error) == ("InvalidRequest", True)


async def test_a_restart_brings_up_what_was_down(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "beacon"))
    os.kill(run_of(ssh_server).pid, signal.SIGKILL)
    await bench.run(bench.taskservs.restart_taskserv, bench.restart(server, "beacon"))
    assert await answer(there) == "here"


async def test_a_failed_restart_says_why_and_leaves_the_service_up(
    taskserv_bench: TaskservBench, server: Server
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "flaky", {"fail": "restart"}))
    with pytest.raises(ApplicationError, match="told to fail at restart") as error:
        await bench.run(bench.taskservs.restart_taskserv, bench.restart(server, "flaky"))
    assert failure(error) == ("ActionFailed", True)
    assert await answer(there) == "flaky"


async def _begun(
    bench: TaskservBench, ssh_server: SshServer, action: RestartTaskserv
) -> asyncio.Task[ActionResult]:
    """A restart whose script has stopped the service, and waits before it starts it again."""
    running = asyncio.create_task(bench.run(bench.taskservs.restart_taskserv, action))
    await until_down(ssh_server)
    return running


def _let_it_go_on(ssh_server: SshServer) -> None:
    (ssh_server.root / "srv/flaky/go").touch()


async def test_a_worker_that_dies_leaves_a_restart_to_attach_to(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "flaky", {"fail": "held"}))
    action = bench.restart(server, "flaky")
    lost = await _begun(bench, ssh_server, action)
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    _let_it_go_on(ssh_server)
    # Two at once, as after a heartbeat that came too late: both attach to the one job.
    results = await asyncio.gather(*(bench.run(bench.taskservs.restart_taskserv, action) for _ in range(2)))
    assert {effect.id for result in results for effect in result.effects} == {action.key}
    starts = (ssh_server.root / "var/log/provisioning/flaky.log").read_text().count("listening on")
    assert (starts, await answer(there)) == (2, "flaky"), "it was started once, and restarted once"


async def test_a_restart_job_that_is_killed_goes_on_and_does_not_restart_twice(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "flaky", {"fail": "held"}))
    action = bench.restart(server, "flaky")
    job = ssh_server.root / f"var/lib/provisioning/jobs/{action.key}.1"
    running = await _begun(bench, ssh_server, action)
    os.killpg(int((job / "group").read_text()), signal.SIGKILL)
    with pytest.raises(ApplicationError) as error:
        await running
    assert failure(error) == ("Unavailable", False)
    _let_it_go_on(ssh_server)
    await bench.run(bench.taskservs.restart_taskserv, action)
    second = run_of(ssh_server)
    # As if it had been killed between its last line and its exit code.
    (job / "code").unlink()
    result = await bench.run(bench.taskservs.restart_taskserv, action)
    assert [effect.id for effect in result.effects] == [action.key]
    assert (run_of(ssh_server), await answer(there)) == (second, "flaky")
    assert "flaky has been restarted already" in (job / "log").read_text()


@pytest.mark.parametrize("how", ["cancelled", "abandoned"])
async def test_a_restart_that_is_cut_off_leaves_the_service_up(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer, how: str
) -> None:
    bench = taskserv_bench
    there = await installed(bench, bench.install(server, "flaky", {"fail": "held"}))
    before = world(ssh_server)
    action = bench.restart(server, "flaky")
    if how == "cancelled":
        with pytest.raises(asyncio.CancelledError):
            await bench.run_cancelled(
                bench.taskservs.restart_taskserv, action, lambda: not runs_of(ssh_server)
            )
    else:
        lost = await _begun(bench, ssh_server, action)
        lost.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lost
        await bench.run(bench.taskservs.abandon_restart, action)
    await until_nobody_follows(ssh_server, before)
    assert (await answer(there), world(ssh_server)) == ("flaky", before)
    await bench.run(bench.taskservs.abandon_restart, action)
    assert (await answer(there), world(ssh_server)) == ("flaky", before)


async def test_what_others_changed_is_not_brought_back_by_an_abandoned_restart(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench = taskserv_bench
    await installed(bench, bench.install(server, "beacon", {"message": "old"}))
    action = bench.restart(server, "beacon")
    await bench.run(bench.taskservs.restart_taskserv, action)
    changed = await bench.run(
        bench.taskservs.configure_taskserv, bench.configure(server, "beacon", {"message": "new"})
    )
    after = changed.effects[0].after
    assert isinstance(after, Taskserv)
    os.kill(run_of(ssh_server).pid, signal.SIGKILL)
    await until_down(ssh_server)
    await bench.run(bench.taskservs.abandon_restart, action)
    assert runs_of(ssh_server) == []
    restart = bench.restart(server, "beacon", task="t5")
    await bench.run(bench.taskservs.restart_taskserv, restart)
    assert await answer(after) == "new"


async def test_a_restart_does_not_keep_an_installation_from_being_abandoned(
    taskserv_bench: TaskservBench, server: Server, ssh_server: SshServer
) -> None:
    bench, before = taskserv_bench, world(ssh_server)
    install = bench.install(server, "beacon")
    await installed(bench, install)
    await bench.run(bench.taskservs.restart_taskserv, bench.restart(server, "beacon"))
    await bench.run(bench.taskservs.abandon_install, install)
    assert world(ssh_server) == before
