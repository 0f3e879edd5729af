"""Task services where systemd runs them: units of ours, and units that packages bring.

No box has a systemd. A stand-in for its `systemctl` reads the units and starts what they say.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.local_servers import local_stack
from tests.support.taskserv_world import answer
from tests.support.taskservs import TaskservBench, make_bench
from workflows.domain.effects import EffectKind
from workflows.domain.resources import Params, Server, ServerSpec, Taskserv

SYSTEMCTL = (Path(__file__).parents[1] / "standins/systemctl.sh").read_bytes()
PREPARE = (
    """mkdir -p /run/systemd/system && cat >/usr/local/bin/systemctl && chmod +x /usr/local/bin/systemctl"""
)
UNITS = "find /etc/systemd/system -type f"


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["Machine"]:
    stack = local_stack("box", tmp_path_factory.mktemp("systemd"))
    if stack.provider.isolation.startswith("none"):
        pytest.skip(f"no boxes on this machine: {stack.provider.isolation}")
    bench = make_bench(stack.state_dir)
    spec = ServerSpec(infra="lab", name="unit", provider="local", plan="1xCPU-1GB", zone="local")
    server = await stack.provider.create(spec, "owner")
    await bench.door.ask(server.ssh, PREPARE, SYSTEMCTL)
    yield Machine(bench, server)
    await bench.door.close()
    await stack.provider.remove_all()


class Machine:
    def __init__(self, bench: TaskservBench, server: Server) -> None:
        self._bench = bench
        self._server = server

    async def install(self, name: str, params: Params | None = None) -> Taskserv:
        action = self._bench.install(self._server, name, params, task=uuid4().hex)
        result = await self._bench.run(self._bench.taskservs.install_taskserv, action)
        after = result.effects[0].after
        assert isinstance(after, Taskserv)
        return after

    async def restart(self, name: str) -> None:
        action = self._bench.restart(self._server, name, task=uuid4().hex)
        result = await self._bench.run(self._bench.taskservs.restart_taskserv, action)
        assert result.effects[0].kind is EffectKind.TASKSERV_RESTARTED

    async def remove(self, name: str) -> None:
        action = self._bench.remove(self._server, name, task=uuid4().hex)
        await self._bench.run(self._bench.taskservs.remove_taskserv, action)

    async def ask(self, command: str) -> str:
        return (await self._bench.door.execute(self._server.ssh, command)).stdout.strip()


async def test_a_unit_of_ours(machine: Machine) -> None:
    before = await machine.ask(UNITS)
    there = await machine.install("beacon", {"message": "one"})
    assert await answer(there) == "one"
    unit = "provisioning-beacon.service"
    assert (
        await machine.ask(f"systemctl is-enabled {unit}; systemctl is-active {unit} && echo runs")
        == "enabled\nruns"
    )
    first = await machine.ask(f"systemctl show --value -p InvocationID {unit}")
    await machine.restart("beacon")
    assert await machine.ask(f"systemctl show --value -p InvocationID {unit}") != first
    assert await answer(await machine.install("beacon", {"message": "two"})) == "two"
    await machine.remove("beacon")
    assert await machine.ask(UNITS) == before


async def test_a_unit_that_a_package_brings_stays_its_authors_but_for_our_settings(machine: Machine) -> None:
    before = await machine.ask(UNITS)
    await machine.install("containerd")
    drop_in = await machine.ask("cat /etc/systemd/system/containerd.service.d/provisioning.conf")
    assert (
        "ExecStart=\nExecStart=/usr/bin/containerd --config /etc/provisioning/containerd/config.toml\n"
        in drop_in
    )
    assert "SystemdCgroup = true" in await machine.ask("cat /etc/provisioning/containerd/config.toml")
    assert await machine.ask("ls /etc/systemd/system | grep provisioning") == ""
    assert await machine.ask("systemctl is-enabled containerd.service") == "enabled"
    first = await machine.ask("systemctl show --value -p InvocationID containerd.service")
    await machine.restart("containerd")
    assert await machine.ask("systemctl show --value -p InvocationID containerd.service") != first
    await machine.remove("containerd")
    assert await machine.ask(UNITS) == before
    assert await machine.ask("pgrep -x containerd; command -v containerd") == ""
