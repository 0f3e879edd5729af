"""A deletion at UpCloud that is given up on its way: the server comes back from wherever it had got."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.providers.upcloud.provider import UpCloudProvider
from tests.support.stack import eventually
from tests.support.upcloud import PACE, UpCloud
from workflows.domain.errors import Conflict
from workflows.domain.resources import Server, ServerSpec

SPEC = ServerSpec(infra="shop", name="web-01", provider="upcloud", plan="1xCPU-2GB", zone="de-fra1")


@pytest.fixture
def provider(upcloud: UpCloud, tmp_path: Path) -> UpCloudProvider:
    return upcloud.provider(tmp_path)


@pytest.fixture
async def server(provider: UpCloudProvider) -> Server:
    return await provider.create(SPEC, "owner-1")


def labels_of(upcloud: UpCloud) -> set[str]:
    (server,) = upcloud.servers()
    return {label["key"] for label in server["labels"]["label"]}


def state_of(upcloud: UpCloud) -> str:
    (server,) = upcloud.servers()
    return str(server["state"])


def is_withdrawn(upcloud: UpCloud) -> bool:
    return "provisioning-withdrawn" in labels_of(upcloud)


def is_asked(upcloud: UpCloud) -> bool:
    """Whether it has been asked to stop, and may have done so on a machine that takes long to look."""
    return bool(upcloud.state()["stopping"]) or state_of(upcloud) == "stopped"


async def begun(
    upcloud: UpCloud, provider: UpCloudProvider, server: Server, until: Callable[[UpCloud], bool]
) -> asyncio.Task[None]:
    """A deletion that has come so far."""
    deletion = asyncio.create_task(provider.delete(server, "deletion-1"))
    await eventually(lambda: until(upcloud))
    return deletion


def is_whole(upcloud: UpCloud) -> bool:
    return state_of(upcloud) == "started" and not is_withdrawn(upcloud)


async def test_one_that_was_asked_to_stop_and_does_not_hear_runs_on(
    upcloud: UpCloud, provider: UpCloudProvider, server: Server
) -> None:
    upcloud.change(deaf=True)
    deletion = await begun(upcloud, provider, server, is_withdrawn)
    deletion.cancel()
    assert await provider.call_off(server, "deletion-1")
    assert is_whole(upcloud)
    assert await provider.find("shop", "web-01") == server


async def test_one_that_has_been_asked_and_will_stop_is_waited_for(
    upcloud: UpCloud, server: Server, tmp_path: Path
) -> None:
    # It is taken for deaf only long after it has stopped.
    provider = upcloud.provider(tmp_path, PACE._replace(soft_stop=30.0))
    upcloud.change(slow_stop=0.7)
    upcloud.fault(method="DELETE", path="/server", count=1000, status=503)
    deletion = await begun(upcloud, provider, server, is_asked)
    deletion.cancel()
    assert await provider.call_off(server, "deletion-1")
    assert is_whole(upcloud)
    assert upcloud.state()["stopping"] == []


async def test_one_that_has_stopped_is_started_again(
    upcloud: UpCloud, provider: UpCloudProvider, server: Server
) -> None:
    upcloud.fault(method="DELETE", path="/server", count=1000, status=503)
    deletion = await begun(upcloud, provider, server, is_withdrawn)
    await eventually(lambda: state_of(upcloud) == "stopped")
    deletion.cancel()
    assert await provider.call_off(server, "deletion-1")
    assert is_whole(upcloud)


async def test_one_that_nobody_has_touched_yet_is_left_as_it_is(
    upcloud: UpCloud, provider: UpCloudProvider, server: Server
) -> None:
    stop = {"stop_server": {"stop_type": "hard", "timeout": "1"}}
    upcloud.call("POST", f"/server/{server.provider_id}/stop", stop)
    await eventually(lambda: state_of(upcloud) == "stopped")
    assert await provider.call_off(server, "deletion-1")
    assert state_of(upcloud) == "stopped"


async def test_an_attempt_that_lives_on_stops_when_it_sees_that_it_was_given_up(
    upcloud: UpCloud, provider: UpCloudProvider, server: Server, tmp_path: Path
) -> None:
    upcloud.fault(method="DELETE", path="/server", count=1000, status=503)
    late = await begun(upcloud, provider, server, lambda upcloud: state_of(upcloud) == "stopped")
    assert await upcloud.provider(tmp_path).call_off(server, "deletion-1")
    with pytest.raises(Conflict, match="has been called off"):
        await late
    assert is_whole(upcloud)


@pytest.mark.parametrize("method", ["PUT", "POST"], ids=["labels", "stop"])
async def test_a_call_that_goes_on_after_the_cancellation_is_waited_for(
    upcloud: UpCloud, provider: UpCloudProvider, server: Server, method: str
) -> None:
    upcloud.fault(method=method, path="/server", how="delay")
    deletion = await begun(upcloud, provider, server, lambda upcloud: bool(upcloud.state()["held"]))
    deletion.cancel()
    await asyncio.wait([deletion], timeout=0.1)
    giving_up = asyncio.create_task(provider.call_off(server, "deletion-1"))
    # Much longer than calls take.
    await asyncio.wait([giving_up], timeout=2)
    upcloud.release()
    with pytest.raises(asyncio.CancelledError):
        await deletion
    assert await giving_up
    assert is_whole(upcloud)
    assert upcloud.state()["stopping"] == []
