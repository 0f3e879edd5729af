"""What only a local server promises: a machine of its own, which outlives whoever made it."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncssh
import psutil
import pytest

from activities.providers.local.folder import ServerFolder
from tests.support.local_servers import CACHE, LocalStack, connections, environment, passing_stack
from tests.support.stack import eventually
from workflows.domain.resources import Server, ServerSpec

_PRELUDE = """
import asyncio, sys
from pathlib import Path
from activities.providers.local.choice import Choice
from activities.providers.local.provider import LocalProvider
from workflows.domain.resources import ServerSpec
state_dir, cache_dir, isolation, spec = sys.argv[1:]
state_dir, cache_dir = Path(state_dir), Path(cache_dir)
provider = LocalProvider(state_dir, cache_dir, Choice(isolation, state_dir, cache_dir))
spec = ServerSpec.model_validate_json(spec)
print(provider.isolation, flush=True)
"""
_CREATE = 'asyncio.run(provider.create(spec, "owner-1"))'
_DELETE = "asyncio.run(provider.remove_all())"
_SPEC = ServerSpec(infra="shop", name="web-01", provider="local", plan="1xCPU-2GB", zone="local-a")
_LISTEN = """exec "${PROVISIONING_PYTHON:-python3}" -c '
import os, socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((os.environ["PROVISIONING_SERVER_ADDRESS"], 6399))
listener.listen()
while True:
    peer = listener.accept()[0]
    peer.sendall(os.environ["PROVISIONING_SERVER_NAME"].encode())
    peer.close()
' > /dev/null 2>&1 < /dev/null"""


@pytest.fixture(params=["process", "box"])
async def stack(request: pytest.FixtureRequest) -> AsyncIterator[LocalStack]:
    async with passing_stack(request.param) as stack:
        yield stack


def creating_process(stack: LocalStack) -> "subprocess.Popen[bytes]":
    """A process of its own that creates the server; it has got ready, and is about to begin."""
    return _process(stack, _CREATE)


def deleting_process(stack: LocalStack) -> "subprocess.Popen[bytes]":
    return _process(stack, _DELETE)


def _process(stack: LocalStack, work: str) -> "subprocess.Popen[bytes]":
    setting = stack.choice.isolation().name
    command = [sys.executable, "-c", _PRELUDE + work, str(stack.state_dir), str(CACHE), setting]
    process = subprocess.Popen([*command, _SPEC.model_dump_json()], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


async def killed_at_random(process: "subprocess.Popen[bytes]", seconds: float = 0.3) -> None:
    await asyncio.sleep(random.uniform(0, seconds))
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)


def folder(stack: LocalStack, server: Server) -> ServerFolder:
    return ServerFolder(stack.state_dir / "servers", server.spec.infra, server.spec.name)


def first_process(stack: LocalStack, server: Server) -> int:
    return int(folder(stack, server).process.read_text().split()[0])


async def test_answers_over_ssh_with_the_host_key_that_was_told(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    assert await stack.run(server, "hostname") in ("web-01", os.uname().nodename)
    assert await stack.run(server, "echo $PROVISIONING_SERVER_NAME") == "web-01"
    assert await stack.run(server, "echo $PROVISIONING_SERVER_ADDRESS") == server.ssh.host


async def test_hands_over_streams_and_exit_codes(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    async with await stack.connect(server) as connection:
        result = await connection.run("cat; echo oops >&2; exit 7", input="x" * 300_000)
        assert (len(str(result.stdout)), result.stderr, result.exit_status) == (300_000, "oops\n", 7)
        await connection.run("cd; echo kept > note", check=True)
        async with connection.start_sftp_client() as files:
            assert "note" in await files.listdir()


async def test_lets_nobody_in_without_the_key(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            server.ssh.host,
            server.ssh.port,
            username=server.ssh.user,
            client_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            known_hosts=None,
            config=None,
        )


async def test_listens_on_its_own_address_only(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    listening = {
        connection.laddr.ip
        for process in psutil.process_iter()
        if f"{stack.state_dir}/servers" in environment(process)
        for connection in connections(process)
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {server.ssh.host}


async def test_two_servers_use_the_same_port(stack: LocalStack) -> None:
    servers = [
        await stack.provider.create(_SPEC.model_copy(update={"name": name}), "owner-1")
        for name in ("web-01", "web-02")
    ]
    for server in servers:
        await stack.run(server, f"setsid sh -c {_quoted(_LISTEN)} > /dev/null 2>&1 < /dev/null &")
    assert [await _hello(server.ssh.host) for server in servers] == ["web-01", "web-02"]
    # And a service goes with its server, however detached it is.
    await stack.provider.delete(servers[0])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(servers[0].ssh.host, 6399)
    assert await _hello(servers[1].ssh.host) == "web-02"


async def test_outlives_its_creator_and_is_found_again(stack: LocalStack) -> None:
    creator = creating_process(stack)
    assert await asyncio.to_thread(creator.wait) == 0
    found = await stack.another().find("shop", "web-01")
    assert found is not None
    assert found == await stack.another().create(_SPEC, "owner-1")
    assert await stack.run(found, "echo here") == "here"


async def test_a_killed_creation_is_gone_on_with(stack: LocalStack) -> None:
    for again in ("owner-1", "owner-2", "owner-1", "owner-2"):
        await killed_at_random(creating_process(stack))
        server = await stack.provider.create(_SPEC, again)
        assert server.owner in ("owner-1", again)
        assert await stack.run(server, "echo here") == "here"
        assert len(list(stack.provider.servers())) == 1
        await stack.provider.delete(server)
        assert stack.traces() == []


async def test_a_killed_creation_that_nobody_repeats_is_cleared_up_by_looking_for_it(
    stack: LocalStack,
) -> None:
    for _ in range(4):
        await killed_at_random(creating_process(stack))
        found = await stack.provider.find("shop", "web-01")
        if found is not None:
            await stack.provider.delete(found)
        assert stack.traces() == []


async def test_a_creation_that_was_killed_before_it_made_anything_leaves_no_lock(stack: LocalStack) -> None:
    lock = stack.state_dir / "servers" / "shop" / ".web-01.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert await stack.provider.find("shop", "web-01") is None
    assert stack.traces() == []


async def test_a_killed_deletion_is_gone_on_with(stack: LocalStack) -> None:
    for _ in range(4):
        server = await stack.provider.create(_SPEC, "owner-1")
        await killed_at_random(deleting_process(stack), 0.05)
        await stack.provider.delete(server)
        assert stack.traces() == []


async def test_comes_back_with_its_files_after_its_processes_were_killed(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    await stack.run(server, "echo kept > ~/note; mkdir -p $PROVISIONING_SERVER_ROOT/etc/provisioning/boot.d")
    script = '#!/bin/sh\ndate > "$HOME/booted"\n'
    await stack.run(
        server,
        f"cd $PROVISIONING_SERVER_ROOT/etc/provisioning/boot.d; printf %s {_quoted(script)} > 10-note;"
        " chmod +x 10-note",
    )
    os.kill(first_process(stack, server), signal.SIGKILL)
    # One that is about to die may still answer.
    await eventually(lambda: not any(runs for _, runs in stack.provider.servers()))
    assert await stack.another().create(_SPEC, "owner-1") == server
    assert await stack.run(server, "cat ~/note; until [ -s ~/booted ]; do sleep 0.01; done") == "kept"


async def test_a_worker_that_starts_brings_back_what_stopped(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    os.kill(first_process(stack, server), signal.SIGKILL)
    # The kernel takes a moment to end them all.
    await eventually(lambda: not any(runs for _, runs in stack.provider.servers()))
    await stack.another().resume()
    assert await stack.run(server, "echo back") == "back"


async def test_what_is_damaged_keeps_no_other_server_from_coming_back(stack: LocalStack) -> None:
    servers = [
        await stack.provider.create(_SPEC.model_copy(update={"name": name}), "owner-1")
        for name in ("web-01", "web-02")
    ]
    for server in servers:
        os.kill(first_process(stack, server), signal.SIGKILL)
    await eventually(lambda: not any(runs for _, runs in stack.provider.servers()))
    shutil.rmtree(folder(stack, servers[0]).seed)
    # As what somebody else may read alone.
    unreadable = stack.state_dir / "servers/shop/web-00/server.json"
    unreadable.mkdir(parents=True)
    await stack.another().resume()
    assert await stack.run(servers[1], "echo back") == "back"
    unreadable.rmdir()


async def test_never_kills_a_process_that_has_inherited_the_id(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    os.kill(first_process(stack, server), signal.SIGKILL)
    bystander = await asyncio.create_subprocess_exec("sleep", "600")
    try:
        folder(stack, server).process.write_text(f"{bystander.pid} 1\n")
        await stack.provider.delete(server)
        assert bystander.returncode is None
        assert psutil.Process(bystander.pid).is_running()
    finally:
        bystander.kill()
        await bystander.wait()


async def test_reaps_what_its_commands_leave_behind(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    first = psutil.Process(first_process(stack, server))
    before = set(first.children(recursive=True))
    await stack.run(server, "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done > /dev/null 2>&1")
    # Those that are dead and not reaped are children all the same.
    await eventually(lambda: set(first.children(recursive=True)) <= before)


async def test_remove_all_takes_damaged_and_half_made_servers_too(stack: LocalStack) -> None:
    await stack.provider.create(_SPEC, "owner-1")
    damaged = stack.state_dir / "servers/shop/web-02"
    damaged.mkdir()
    (damaged / "server.json").write_text("{")
    assert [server.spec.name for server, _ in stack.provider.servers()] == ["web-01"]
    assert await stack.provider.remove_all() == 2
    assert stack.traces() == []


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


async def _hello(address: str) -> str:
    said = b""

    async def answers() -> bool:
        nonlocal said
        try:
            reader, writer = await asyncio.open_connection(address, 6399)
        except ConnectionRefusedError:
            return False
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return True

    await eventually(answers)
    return said.decode()
