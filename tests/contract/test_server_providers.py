"""What every provider promises, judged by the same tests, whatever it makes its servers of."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import pytest

from activities.provider_ports import CallsOffDeletions, ServerProvider
from tests.support import readme_provider
from tests.support.local_servers import passing_stack
from tests.support.memory_provider import MemoryProvider
from tests.support.moto import OTHER_PLAN, PLAN, ZONE
from workflows.domain.errors import Conflict, InvalidRequest
from workflows.domain.resources import Server, ServerSpec


@dataclass
class Subject:
    """A provider under test, and what it has to offer."""

    provider: ServerProvider
    traces: Callable[[], Sequence[str]]
    """What exists, and what is left of what does not."""
    zone: str = "local"
    plan: str = "1xCPU-2GB"
    other_plan: str = "2xCPU-4GB"

    def spec(self, name: str = "web-01", plan: str | None = None, zone: str | None = None) -> ServerSpec:
        return ServerSpec(
            infra="shop",
            name=name,
            provider=self.provider.name,
            plan=plan or self.plan,
            zone=zone or self.zone,
        )

    async def left(self) -> Sequence[str]:
        return await asyncio.to_thread(self.traces)


@pytest.fixture(params=["memory", "readme", "process", "box", "aws", "upcloud"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    match request.param:
        case "memory":
            memory = MemoryProvider()
            yield Subject(memory, lambda: list(memory.servers))
        case "readme":
            folder = request.getfixturevalue("tmp_path")
            with readme_provider.shed(folder) as provider:
                traces = functools.partial(readme_provider.taken, folder)
                yield Subject(provider, traces, "here", *readme_provider.PLANS)
        case "aws":
            moto = request.getfixturevalue("moto")
            provider = request.getfixturevalue("aws_provider")
            yield Subject(provider, moto.traces, zone=ZONE, plan=PLAN, other_plan=OTHER_PLAN)
        case "upcloud":
            upcloud = request.getfixturevalue("upcloud")
            provider = upcloud.provider(request.getfixturevalue("tmp_path"))
            yield Subject(provider, upcloud.traces, zone="de-fra1")
        case isolation:
            async with passing_stack(isolation) as local:
                yield Subject(local.provider, local.traces)


def test_readme_needs_fewer_than_forty_lines_for_one() -> None:
    assert len(readme_provider.LINES) < 40


async def test_creating_again_gives_the_same_server(subject: Subject) -> None:
    first = await subject.provider.create(subject.spec(), "owner-1")
    again = await subject.provider.create(subject.spec(), "owner-1")
    assert again == first
    assert first.owner == "owner-1"
    assert first.spec == subject.spec()


async def test_another_owner_gets_the_server_as_it_is(subject: Subject) -> None:
    first = await subject.provider.create(subject.spec(), "owner-1")
    assert await subject.provider.create(subject.spec(), "owner-2") == first


async def test_the_same_name_in_another_infra_is_another_server(subject: Subject) -> None:
    elsewhere = subject.spec().model_copy(update={"infra": "bank"})
    first = await subject.provider.create(subject.spec(), "owner-1")
    second = await subject.provider.create(elsewhere, "owner-2")
    assert second.owner == "owner-2"
    assert second.ssh.host != first.ssh.host


async def test_another_plan_is_a_conflict(subject: Subject) -> None:
    first = await subject.provider.create(subject.spec(), "owner-1")
    with pytest.raises(Conflict, match="web-01"):
        await subject.provider.create(subject.spec(plan=subject.other_plan), "owner-1")
    assert await subject.provider.find("shop", "web-01") == first


async def test_what_cannot_be_is_refused_before_anything_is_made(subject: Subject) -> None:
    for spec in (subject.spec(plan="nowhere"), subject.spec(zone="nowhere")):
        with pytest.raises(InvalidRequest, match="nowhere"):
            subject.provider.check(spec)
        with pytest.raises(InvalidRequest):
            await subject.provider.create(spec, "owner-1")
    assert await subject.left() == []


async def test_finds_what_exists_and_nothing_else(subject: Subject) -> None:
    assert await subject.provider.find("shop", "web-01") is None
    server = await subject.provider.create(subject.spec(), "owner-1")
    assert await subject.provider.find("shop", "web-01") == server
    assert await subject.provider.find("shop", "web-02") is None
    assert await subject.provider.find("bank", "web-01") is None


async def test_deletes_without_trace_and_as_often_as_asked(subject: Subject) -> None:
    server = await subject.provider.create(subject.spec(), "owner-1")
    await subject.provider.delete(server)
    assert await subject.provider.find("shop", "web-01") is None
    assert await subject.left() == []
    await subject.provider.delete(server)
    assert await subject.left() == []


async def test_does_not_delete_the_server_of_another_owner(subject: Subject) -> None:
    old = await subject.provider.create(subject.spec(), "owner-1")
    await subject.provider.delete(old)
    new = await subject.provider.create(subject.spec(), "owner-2")
    with pytest.raises(Conflict):
        await subject.provider.delete(old)
    assert await subject.provider.find("shop", "web-01") == new


async def test_eight_at_once_for_one_name_make_one_server(subject: Subject) -> None:
    servers = await asyncio.gather(
        *(subject.provider.create(subject.spec(), f"owner-{number}") for number in range(8))
    )
    assert len({server.owner for server in servers}) == 1
    assert all(server == servers[0] for server in servers)


async def test_eight_at_once_for_eight_names_have_addresses_of_their_own(subject: Subject) -> None:
    servers = await asyncio.gather(
        *(subject.provider.create(subject.spec(f"web-{number}"), "owner-1") for number in range(8))
    )
    assert len({server.ssh.host for server in servers}) == 8
    await asyncio.gather(*(subject.provider.delete(server) for server in servers))
    assert await subject.left() == []


@pytest.mark.parametrize("after", [0.0, 0.002, 0.01, 0.03, 0.06, 0.1, 0.2])
async def test_a_cancelled_creation_leaves_nothing(subject: Subject, after: float) -> None:
    creation = asyncio.create_task(subject.provider.create(subject.spec(), "owner-1"))
    await asyncio.sleep(after)
    if creation.cancel():
        with pytest.raises(asyncio.CancelledError):
            await creation
        assert await subject.provider.find("shop", "web-01") is None
        assert await subject.left() == []


async def test_a_cancelled_second_creation_leaves_the_server_of_the_first(subject: Subject) -> None:
    server = await subject.provider.create(subject.spec(), "owner-1")
    creation = asyncio.create_task(subject.provider.create(subject.spec(), "owner-1"))
    await asyncio.sleep(0)
    creation.cancel()
    await asyncio.wait([creation])
    assert await subject.provider.find("shop", "web-01") == server


async def test_create_and_delete_at_the_same_time_never_leave_half_a_server(subject: Subject) -> None:
    server = await subject.provider.create(subject.spec(), "owner-1")
    _, made = await asyncio.gather(
        subject.provider.delete(server), subject.provider.create(subject.spec(), "owner-1")
    )
    assert await subject.provider.find("shop", "web-01") in (made, None)
    await subject.provider.delete(made)
    assert await subject.left() == []


CALL_OFF = pytest.mark.parametrize("subject", ["memory", "process", "box", "aws", "upcloud"], indirect=True)


async def called_off(subject: Subject, server: Server, deletion: str = "deletion-1") -> bool:
    assert isinstance(subject.provider, CallsOffDeletions)
    return await subject.provider.call_off(server, deletion)


async def deleted(subject: Subject, server: Server, deletion: str) -> None:
    assert isinstance(subject.provider, CallsOffDeletions)
    await subject.provider.delete(server, deletion)


@CALL_OFF
async def test_a_deletion_that_was_called_off_comes_too_late_and_another_does_not(subject: Subject) -> None:
    server = await subject.provider.create(subject.spec(), "owner-1")
    assert [await called_off(subject, server) for _ in range(2)] == [True, True]
    assert await subject.provider.find("shop", "web-01") == server
    with pytest.raises(Conflict, match="called off"):
        await deleted(subject, server, "deletion-1")
    assert await subject.provider.find("shop", "web-01") == server
    assert await subject.provider.create(subject.spec(), "owner-2") == server
    await deleted(subject, server, "deletion-2")
    assert await subject.left() == []


@CALL_OFF
async def test_what_is_gone_or_another_owners_cannot_be_called_off(subject: Subject) -> None:
    old = await subject.provider.create(subject.spec(), "owner-1")
    await deleted(subject, old, "deletion-1")
    assert not await called_off(subject, old)
    assert await subject.left() == []
    new = await subject.provider.create(subject.spec(), "owner-2")
    assert not await called_off(subject, old)
    await deleted(subject, new, "deletion-1")
    assert await subject.left() == []


@CALL_OFF
@pytest.mark.parametrize("after", [0.0, 0.02, 0.1, 0.3, 1.0])
async def test_what_is_called_off_in_the_middle_is_whole_or_gone(subject: Subject, after: float) -> None:
    server = await subject.provider.create(subject.spec(), "owner-1")
    deletion = asyncio.create_task(deleted(subject, server, "deletion-1"))
    await asyncio.sleep(after)
    deletion.cancel()
    await asyncio.wait([deletion])
    stays = await called_off(subject, server)
    assert await subject.provider.find("shop", "web-01") == (server if stays else None)
    if stays:
        # Which also waits until it answers.
        assert await subject.provider.create(subject.spec(), "owner-1") == server
    await subject.provider.delete(server)
    assert await subject.left() == []
