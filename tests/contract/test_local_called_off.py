"""The deletion of a local server whose process was killed over it, and which is then called off."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from activities.providers.local.folder import ServerFolder
from tests.support.local_servers import CACHE, LocalStack, passing_stack
from tests.support.stack import eventually
from workflows.domain.resources import Server, ServerSpec

_SPEC = ServerSpec(infra="shop", name="web-01", provider="local", plan="1xCPU-2GB", zone="local-a")
_DELETE = """
import asyncio, sys
from pathlib import Path
from activities.providers.local import running
from activities.providers.local.choice import Choice
from activities.providers.local.provider import LocalProvider
from workflows.domain.resources import Server
state_dir, cache_dir, isolation, server, deletion, moment = sys.argv[1:]
state_dir, cache_dir = Path(state_dir), Path(cache_dir)
provider = LocalProvider(state_dir, cache_dir, Choice(isolation, state_dir, cache_dir))
server = Server.model_validate_json(server)
stop = running.stop
async def reached(*place):
    if moment == "stopped":
        await stop(*place)
    print(moment, flush=True)
    await asyncio.sleep(600)
if moment != "anywhere":
    running.stop = reached
else:
    print(moment, flush=True)
asyncio.run(provider.delete(server, deletion))
"""


@pytest.fixture(params=["process", "box"])
async def stack(request: pytest.FixtureRequest) -> AsyncIterator[LocalStack]:
    async with passing_stack(request.param) as stack:
        yield stack


async def killed(stack: LocalStack, server: Server, deletion: str, moment: str, seconds: float = 0.0) -> None:
    """A process that deletes the server, and is killed so long after this moment."""
    setting = stack.choice.isolation().name
    given = [str(stack.state_dir), str(CACHE), setting, server.model_dump_json(), deletion, moment]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _DELETE, *given), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == f"{moment}\n".encode()
    await asyncio.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):  # it had ended by itself
        process.kill()
    await process.wait()


@pytest.mark.parametrize("moment", ["begun", "stopped"])
async def test_it_runs_again_with_its_files(stack: LocalStack, moment: str) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    await stack.run(server, "echo kept > ~/note")
    await killed(stack, server, "deletion-1", moment)
    assert await stack.another().call_off(server, "deletion-1")
    assert await stack.run(server, "cat ~/note") == "kept"
    # The next one begins anew, and it alone decides.
    await killed(stack, server, "deletion-2", "stopped")
    assert await stack.another().call_off(server, "deletion-2")
    assert await stack.run(server, "cat ~/note") == "kept"


async def test_it_is_whole_or_gone_wherever_it_was_broken_off(stack: LocalStack) -> None:
    for _ in range(6):
        server = await stack.provider.create(_SPEC, "owner-1")
        await killed(stack, server, "deletion-1", "anywhere", random.uniform(0, 0.1))
        if await stack.another().call_off(server, "deletion-1"):
            assert await stack.run(server, "echo here") == "here"
        else:
            assert await stack.provider.find("shop", "web-01") is None
        await stack.provider.delete(server)
        assert stack.traces() == []


async def test_one_whose_processes_died_by_themselves_is_left_as_it_is(stack: LocalStack) -> None:
    server = await stack.provider.create(_SPEC, "owner-1")
    folder = ServerFolder(stack.state_dir / "servers", "shop", "web-01")
    os.kill(int(folder.process.read_text().split()[0]), signal.SIGKILL)
    await eventually(lambda: not any(runs for _, runs in stack.provider.servers()))
    assert await stack.provider.call_off(server, "deletion-1")
    assert list(stack.provider.servers()) == [(server, False)]
