"""Adding a task service works as the page beside the example says, with nothing but a setting."""

import asyncio
import re
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.catalogue.catalogue import BUILT_IN, Catalogue, catalogue_folders
from activities.settings import Settings
from tests.support.local_servers import local_stack
from tests.support.taskservs import TaskservBench, make_bench
from workflows.domain.effects import EffectKind
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import Server, ServerSpec, Taskserv

FOLDER = Path(__file__).parents[2] / "deploy/examples/catalogue"
PAGE = (FOLDER / "README.md").read_text()
SHOWN = dict(zip(("service.yaml", "create"), re.findall(r"```\w+\n(.*?)```", PAGE, re.S), strict=True))
FUNCTION = re.compile(r"`((?:service|install|remove)_\w+|put|fetch|fail|try_later)`")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example, with the files that the page shows as it shows them."""
    service = tmp_path / "catalogue/mosquitto"
    service.mkdir(parents=True)
    for file in (FOLDER / "mosquitto").iterdir():
        (service / file.name).write_text(SHOWN.get(file.name, file.read_text()))
    return service.parent


def test_the_page_is_short_and_shows_what_is_there() -> None:
    assert len(PAGE.splitlines()) < 40
    for name, text in SHOWN.items():
        assert text == (FOLDER / "mosquitto" / name).read_text()
    shell = "".join(path.read_text() for path in (BUILT_IN.parent / "shell").glob("*.sh"))
    names = set(FUNCTION.findall(PAGE))
    assert len(names) > 5
    assert [name for name in names if f"\n{name}() {{" not in shell] == []


async def test_a_service_of_ones_own_is_installed_changed_and_removed(folder: Path, tmp_path: Path) -> None:
    settings = Settings.from_environment({"PROVISIONING_CATALOGUE_DIRS": str(folder)})
    with pytest.raises(InvalidRequest, match="'max_connections' must be at least 1"):
        Catalogue.load(catalogue_folders(settings)).check("mosquitto", {"max_connections": 0})
    stack = local_stack("auto", tmp_path / "state")
    bench = make_bench(stack.state_dir, catalogue_folders(settings))
    spec = ServerSpec(infra="lab", name="broker", provider="local", plan="1xCPU-1GB", zone="local")
    server = await stack.provider.create(spec, "owner")
    try:
        if "box" in str(stack.choice):
            await _lives(bench, server)
        else:
            with pytest.raises(ApplicationError, match="mosquitto cannot be installed here"):
                await bench.run(bench.taskservs.install_taskserv, bench.install(server, "mosquitto"))
    finally:
        await bench.door.close()
        await stack.provider.remove_all()


async def _lives(bench: TaskservBench, server: Server) -> None:
    services = bench.taskservs
    await bench.run(services.install_taskserv, bench.install(server, "mosquitto"))
    change = bench.configure(server, "mosquitto", {"port": 1999})
    changed = await bench.run(services.configure_taskserv, change)
    assert changed.effects[0].kind is EffectKind.TASKSERV_CONFIGURED
    await bench.run(services.restart_taskserv, bench.restart(server, "mosquitto"))
    there = changed.effects[0].after
    assert isinstance(there, Taskserv)
    assert await _mqtt(there) == b"\x20\x02\x00\x00", "it accepts a client"
    await bench.run(services.remove_taskserv, bench.remove(server, "mosquitto"))
    traces = "command -v mosquitto; ls -d /etc/*/mosquitto /srv/mosquitto"
    assert (await bench.door.execute(server.ssh, traces)).stdout == ""


async def _mqtt(broker: Taskserv) -> bytes:
    """What it answers to a client that introduces itself."""
    host, port = broker.address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x05\x00\x01x")
    async with asyncio.timeout(30):
        answer = await reader.readexactly(4)
    writer.close()
    await writer.wait_closed()
    return answer
