"""A deletion at AWS that is given up while a call of it is under way: whose end is waited for."""

import asyncio
from collections.abc import Sequence

import pytest

from activities.providers.aws.provider import AwsProvider
from tests.support.aws_proxy import Answer, AwsProxy, Call
from tests.support.moto import a_server
from tests.support.stack import eventually


def late_termination(proxy: AwsProxy) -> asyncio.Event:
    """The next one arrives at AWS only when this is set."""
    go = asyncio.Event()

    async def late(call: Call) -> Answer:
        await go.wait()
        return await proxy.forward(call)

    proxy.next("TerminateInstances", late)
    return go


async def test_a_call_that_goes_on_after_the_cancellation_is_waited_for(
    proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    server = await proxied_provider.create(a_server(), "owner-1")
    go = late_termination(proxy)
    deletion = asyncio.create_task(proxied_provider.delete(server, "deletion-1"))
    await eventually(lambda: proxy.counts["TerminateInstances"] == 1)
    deletion.cancel()
    await asyncio.wait([deletion], timeout=0.3)
    giving_up = asyncio.create_task(proxied_provider.call_off(server, "deletion-1"))
    await asyncio.wait([giving_up], timeout=0.5)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await deletion
    assert not await giving_up
    assert proxy.moto.ids() == []


async def test_a_call_of_another_worker_that_is_under_way_is_waited_for(
    proxy: AwsProxy, proxied_workers: Sequence[AwsProvider]
) -> None:
    server = await proxied_workers[0].create(a_server(), "owner-1")
    assert await proxied_workers[1].find("shop", "web-01") == server
    go = late_termination(proxy)
    # Its operation ran out of time, of which it has not heard yet.
    deletion = asyncio.create_task(proxied_workers[0].delete(server, "deletion-1"))
    await eventually(lambda: proxy.counts["TerminateInstances"] == 1)
    giving_up = asyncio.create_task(proxied_workers[1].call_off(server, "deletion-1"))
    await asyncio.wait([giving_up], timeout=1)
    go.set()
    await deletion
    assert not await giving_up
    assert proxy.moto.ids() == []
