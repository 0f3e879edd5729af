"""Every built-in service on a real local server: up, reconfigured, and gone without trace."""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import httpx
import pytest
from temporalio.exceptions import ApplicationError

from activities.catalogue.catalogue import Catalogue
from activities.providers.local.choice import Choice
from activities.providers.local.provider import LocalProvider
from activities.settings import Settings
from tests.support.taskservs import TaskservBench, make_bench
from workflows.domain.effects import ActionResult, EffectKind
from workflows.domain.resources import Params, Server, ServerSpec, Taskserv

BOOKKEEPING = re.compile(
    r"/?(var/lib/provisioning/(jobs|actions|touched)/.*|var/lib/provisioning/taskservs\.lock"
    r"|var/(log/(apt/.*|dpkg\.log|alternatives\.log)|cache/(ldconfig|apt|provisioning)/.*)"
    r"|var/lib/(dpkg/(statoverride|diversions).*|apt/.*|ucf/.*)|home/.*|tmp/.*|srv/postgresql/.*/pg_.*)"
)
"""What a package manager and we ourselves remember."""
LISTING = r"""
cd "${PROVISIONING_SERVER_ROOT:-/}"
find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run \) -prune \
  -o \( -type f -o -type l \) -printf '%P\n'
[ -n "${PROVISIONING_SERVER_ROOT:-}" ] || { cut -d: -f1 /etc/passwd /etc/group; ps -eo comm=; }
"""


SLOWLY = """
touch /tmp/slowly
echo 'DPkg::Post-Invoke {"if [ -e /tmp/slowly ]; then sleep 3; fi";};' >/etc/apt/apt.conf.d/99slowly
"""
"""Has apt pause behind each of its steps, so that a busy machine, too, hears of one before all is done."""

STUCK = r"""
touch /tmp/stuck
cat >/usr/local/sbin/dpkg-deb <<'END'
#!/bin/sh
if [ "$1" = --fsys-tarfile ] && rm /tmp/stuck 2>/dev/null; then
  /usr/bin/dpkg-deb "$@" | head -c 20000
  sleep 600
fi
exec /usr/bin/dpkg-deb "$@"
END
chmod 755 /usr/local/sbin/dpkg-deb
echo 'DPkg::Path "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";' >/etc/apt/apt.conf.d/99stuck
"""
"""Has dpkg wait in the middle of the first package that it unpacks."""


async def over_http(taskserv: Taskserv) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"http://{taskserv.address}/", timeout=5)
        return response.raise_for_status().text


async def etcd_version(taskserv: Taskserv) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{taskserv.address}/version", timeout=5)
        return str(answer.json()["etcdserver"])


async def containerd_version(taskserv: Taskserv) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{taskserv.address}/v1/metrics", timeout=5)
        return next(line for line in answer.text.splitlines() if line.startswith("containerd_build_info"))


async def over_tcp(taskserv: Taskserv, question: bytes) -> bytes:
    host, port = taskserv.address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(question)
    answer = await reader.read(4096)
    writer.close()
    await writer.wait_closed()
    return answer


async def redis_memory(taskserv: Taskserv) -> str:
    return (await over_tcp(taskserv, b"CONFIG GET maxmemory\r\n")).split()[-1].decode()


async def postgres_greeting(taskserv: Taskserv) -> str:
    """What the server says to a request for TLS: a single letter, and no other program says it."""
    return (await over_tcp(taskserv, b"\x00\x00\x00\x08\x04\xd2\x16\x2f"))[:1].decode()


Question = Callable[[Taskserv], Awaitable[str]]

CASES: list[tuple[str, Params, Params, Question, str, str]] = [
    ("nginx", {"greeting": "one"}, {"greeting": "two", "worker_processes": 2}, over_http, "one", "two"),
    ("caddy", {"greeting": "one"}, {"greeting": "two", "compress": True}, over_http, "one", "two"),
    ("redis", {"maxmemory_mb": 16}, {"maxmemory_mb": 32}, redis_memory, "16777216", "33554432"),
    ("containerd", {}, {"port": 1438, "log_level": "info"}, containerd_version, "~ds1", "~ds1"),
    ("etcd", {}, {"port": 2479, "quota_mb": 64}, etcd_version, "3.", "3."),
    ("postgresql", {}, {"port": 5532, "max_connections": 20}, postgres_greeting, "N", "N"),
    ("pgbouncer", {}, {"port": 6532, "pool_mode": "transaction"}, postgres_greeting, "N", "N"),
]


@pytest.fixture(scope="module", params=["box", "process"])
async def provider(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalProvider]:
    settings = Settings(state_dir=tmp_path_factory.mktemp("services"), local_isolation=request.param)
    provider = LocalProvider(
        settings.state_dir, settings.cache_dir.expanduser(), Choice.from_settings(settings)
    )
    if provider.isolation.startswith("none"):
        pytest.skip(f"no boxes on this machine: {provider.isolation}")
    yield provider
    await provider.remove_all()


@pytest.fixture
async def server(provider: LocalProvider) -> AsyncIterator[Server]:
    spec = ServerSpec(
        infra="default", name=f"box-{uuid4().hex[:8]}", provider="local", plan="1xCPU-2GB", zone="local"
    )
    server = await provider.create(spec, "owner")
    yield server
    await provider.delete(server)


@pytest.fixture
async def bench(provider: LocalProvider) -> AsyncIterator[TaskservBench]:
    bench = make_bench(provider._state_dir)
    yield bench
    await bench.door.close()


async def contents(bench: TaskservBench, server: Server) -> list[str]:
    lines = (await bench.door.ask(server.ssh, LISTING)).splitlines()
    passing = {"ps", "bash", "sh", "find", "sshd", "sleep", "sshd-session"}
    return sorted(x for x in lines if not BOOKKEEPING.fullmatch(x) and x not in passing)


def taskserv(result: ActionResult) -> Taskserv:
    (effect,) = result.effects
    assert isinstance(effect.after, Taskserv)
    return effect.after


def open_ports(taskserv: Taskserv) -> bool:
    host, port = taskserv.address.rsplit(":", 1)
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


ELSEWHERE = {"kubernetes", "cilium"}
"""What no box can run: see test_kubernetes.py."""


def test_no_service_is_left_out() -> None:
    assert {case[0] for case in CASES} | ELSEWHERE == set(Catalogue.load().names())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
async def test_a_service_lives_and_leaves_no_trace(
    bench: TaskservBench, server: Server, case: tuple[str, Params, Params, Question, str, str]
) -> None:
    name, first, second, ask, answer_first, answer_second = case
    install, remove = bench.taskservs.install_taskserv, bench.taskservs.remove_taskserv
    if not await _is_possible(bench, name, server):
        with pytest.raises(ApplicationError, match=r"cannot be installed here|refuses to run as root"):
            await bench.run(install, bench.install(server, name))
        return
    *required, _ = bench.catalogue.expand([name])
    for needed in required:
        await bench.run(install, bench.install(server, needed, task="required"))
    before = await contents(bench, server)

    there = taskserv(await bench.run(install, bench.install(server, name, first, task="one")))
    assert (await ask(there)).count(answer_first)
    again = await bench.run(install, bench.install(server, name, first, task="two"))
    assert again.effects == ()

    result = await bench.run(install, bench.install(server, name, second, task="three"))
    assert result.effects[0].kind is EffectKind.TASKSERV_CONFIGURED
    changed = taskserv(result)
    assert changed.params == {**there.params, **second}
    assert (await ask(changed)).count(answer_second)
    assert changed.address == there.address or not open_ports(there)

    restarted = await bench.run(bench.taskservs.restart_taskserv, bench.restart(server, name, task="again"))
    assert (restarted.effects[0].before, restarted.effects[0].after) == (changed, changed)
    assert (await ask(changed)).count(answer_second)

    await bench.run(remove, bench.remove(server, name, task="four"))
    assert not open_ports(changed)
    after = await contents(bench, server)
    assert (sorted(set(after) - set(before)), sorted(set(before) - set(after))) == ([], [])


@pytest.mark.parametrize(
    ("moment", "prepared"),
    [("Unpacking redis-server", SLOWLY), ("Setting up redis-tools", SLOWLY), ("Unpacking", STUCK)],
    ids=["between two packages", "while one is set up", "in the middle of a package"],
)
async def test_an_installation_cut_off_in_the_middle_leaves_no_trace(
    bench: TaskservBench, server: Server, moment: str, prepared: str
) -> None:
    if (
        server.ssh.user != "root"
        or await bench.door.ask(server.ssh, 'echo "$PROVISIONING_SERVER_ROOT"') != "\n"
    ):
        pytest.skip("wheels are unpacked in one step")
    await bench.door.ask(server.ssh, prepared)
    before = await contents(bench, server)
    action = bench.install(server, "redis")
    with pytest.raises(asyncio.CancelledError):
        await bench.run_cancelled(
            bench.taskservs.install_taskserv, action, lambda: moment in bench.log.text()
        )
    await bench.door.ask(server.ssh, "rm -f /tmp/slowly")
    assert await contents(bench, server) == before
    there = taskserv(await bench.run(bench.taskservs.install_taskserv, action))
    assert await redis_memory(there) == "67108864"


DEAD_USERADD = """
printf '1\\0' >/etc/group.lock
printf '1\\0' >/etc/shadow.lock
printf 999999 >/etc/passwd.999999
touch /etc/shadow+
"""
"""What one leaves that was killed amid its work. By now its number is another process's."""


async def test_what_a_useradd_left_that_was_killed_is_in_nobodys_way(
    bench: TaskservBench, server: Server
) -> None:
    if await bench.door.ask(server.ssh, 'echo "$PROVISIONING_SERVER_ROOT"') != "\n":
        pytest.skip("wheels bring no users")
    before = await contents(bench, server)
    await bench.door.ask(server.ssh, DEAD_USERADD)
    await bench.run(bench.taskservs.install_taskserv, bench.install(server, "redis", task="one"))
    await bench.run(bench.taskservs.remove_taskserv, bench.remove(server, "redis", task="two"))
    assert await contents(bench, server) == before


async def test_services_come_back_with_their_server(
    bench: TaskservBench, provider: LocalProvider, server: Server
) -> None:
    there = taskserv(
        await bench.run(bench.taskservs.install_taskserv, bench.install(server, "redis", task="one"))
    )
    assert await over_tcp(there, b"SET kept value\r\n") == b"+OK\r\n"
    await _stop(provider, server)
    assert not open_ports(there)
    assert await provider.start(server.spec.infra, server.spec.name) == server
    async with asyncio.timeout(60):
        while not await _is_ready(there):  # noqa: ASYNC110 - a port sets no event
            await asyncio.sleep(0.05)
    assert await over_tcp(there, b"GET kept\r\n") == b"$5\r\nvalue\r\n"


async def _is_ready(redis: Taskserv) -> bool:
    """An open port isn't enough: while redis reads its file, it answers `-LOADING` to all."""
    return open_ports(redis) and await over_tcp(redis, b"PING\r\n") == b"+PONG\r\n"


async def _stop(provider: LocalProvider, server: Server) -> None:
    """Ends the server's processes, as a power cut does, and keeps its files."""
    from activities.providers.local import running

    folder = provider._folder(server.spec.infra, server.spec.name)
    async with provider._locked(folder):
        await running.stop(folder, provider._choice.named(folder.isolation()))


async def _is_possible(bench: TaskservBench, name: str, server: Server) -> bool:
    """Packages go onto a box, wheels onto a server that is a directory of ours."""
    is_box = not await bench.door.ask(server.ssh, 'printf %s "${PROVISIONING_SERVER_ROOT:-}"')
    kinds = {variant.kind for variant in bench.catalogue.get(name).service.variants}
    if is_box:
        return "debian" in kinds
    return "wheels" in kinds and (name != "postgresql" or os.getuid() != 0)
