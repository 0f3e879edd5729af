"""What stands between the service and moto: AWS's own ways that moto lacks, and what happens on a network.

Client tokens make a launch idempotent here as at AWS. A test can have calls fail, lose their answers, hold
them up, and have instances not shown yet.
"""

import asyncio
import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import httpx
import pytest

from activities.providers.aws.cloud import Patience
from activities.providers.aws.provider import AwsProvider
from tests.support.moto import REGION, MotoServer

_INSTANCE = re.compile(rb"<instanceId>(i-[0-9a-f]+)</instanceId>")
_NOBODY = (
    b'<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
    b"<reservationSet/></DescribeInstancesResponse>"
)


class Call(NamedTuple):
    """A call of the service."""

    action: str
    form: dict[str, str]
    headers: dict[str, str]
    body: bytes
    port: int
    """From which it came."""


class Answer(NamedTuple):
    status: int
    body: bytes


def refusal(code: str, message: str, status: int = 400) -> Answer:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, f"<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>".encode())


THROTTLED = refusal("RequestLimitExceeded", "Request limit exceeded.", 503)
TRIES = 3
"""Calls that boto makes of one that fails."""

Rule = Callable[[Call], Awaitable[Answer | None]]
"""What happens to a call instead; with None its answer is lost."""


class AwsProxy:
    """Forwards each call, but for those that a test has a rule for."""

    def __init__(self, moto: MotoServer) -> None:
        self.moto = moto
        self.knows_tokens = True
        """Whether a client token makes a launch idempotent. moto by itself launches anew each time."""
        self._client = httpx.AsyncClient(trust_env=False, timeout=60)
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        self._launches: dict[str, tuple[dict[str, str], Answer]] = {}
        self._launching = asyncio.Lock()
        self.url = ""
        self.calls: list[Call] = []

    @property
    def counts(self) -> Counter[str]:
        return Counter(call.action for call in self.calls)

    def next(self, action: str, rule: Rule, times: int = 1) -> None:
        """The next `times` calls of `action` go by `rule`, after those that were said before."""
        self._rules[action] += [rule] * times

    def fail(self, action: str, answer: Answer, times: int = 1) -> None:
        async def fails(_: Call) -> Answer:
            return answer

        self.next(action, fails, times)

    def lose_answer(self, action: str, times: int = 1) -> None:
        """AWS does what it is asked, and nobody hears of it."""

        async def loses(call: Call) -> None:
            await self.forward(call)

        self.next(action, loses, times)

    def hide_instances(self, looks: int) -> None:
        """AWS shows no instance to the next looks."""
        self.fail("DescribeInstances", Answer(200, _NOBODY), looks)

    def together(self, action: str, count: int) -> None:
        """The next calls of `action` wait until there are `count` of them, and are then carried out."""
        arrived = asyncio.Barrier(count)

        async def waits(call: Call) -> Answer:
            await arrived.wait()
            return await self.forward(call)

        self.next(action, waits, count)

    def hold(self, action: str) -> "Held":
        """The next call of `action` is carried out, and its answer waits."""
        held = Held()

        async def holds(call: Call) -> Answer:
            answer = await self.forward(call)
            held.arrived.set()
            await held.let_go.wait()
            return answer

        self.next(action, holds)
        return held

    async def forward(self, call: Call) -> Answer:
        """What moto does, and a launch only once for each token."""
        if call.action != "RunInstances" or not self.knows_tokens:
            return await self._ask_moto(call)
        async with self._launching:
            token = call.form["ClientToken"]
            if token not in self._launches:
                answer = await self._ask_moto(call)
                if answer.status == 200:
                    self._launches[token] = (call.form, answer)
                return answer
            return await asyncio.to_thread(self._launched_before, call, *self._launches[token])

    def _launched_before(self, call: Call, form: dict[str, str], answer: Answer) -> Answer:
        if form != call.form:
            return refusal("IdempotentParameterMismatch", "the token was used with other parameters")
        found = _INSTANCE.search(answer.body)
        assert found is not None
        if found[1].decode() not in {instance["InstanceId"] for instance in self.moto.instances()}:
            return refusal("IdempotentInstanceTerminated", "the instance of this token was terminated")
        return answer

    async def _ask_moto(self, call: Call) -> Answer:
        answer = await self._client.post(self.moto.url, content=call.body, headers=call.headers)
        return Answer(answer.status_code, answer.content)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            call = await _read(reader, writer.get_extra_info("peername")[1])
            self.calls.append(call)
            rules = self._rules[call.action]
            answer = await (rules.pop(0) if rules else self.forward)(call)
            if answer is not None:
                writer.write(_written(answer))
                await writer.drain()
        writer.close()

    def reset(self) -> None:
        """Forgets what tests have said and done."""
        self.knows_tokens = True
        self._rules.clear()
        self._launches.clear()
        self.calls.clear()

    async def close(self) -> None:
        await self._client.aclose()


class Held:
    """A call that has been carried out, and whose answer is held back."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.let_go = asyncio.Event()


async def _read(reader: asyncio.StreamReader, port: int) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")[1:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    form = dict(parse_qsl(body.decode()))
    passed_on = {name: headers[name] for name in headers if name not in ("host", "connection")}
    return Call(form.get("Action", ""), form, passed_on, body, port)


def _written(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} told\r\nContent-Type: text/xml\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + answer.body


@contextlib.asynccontextmanager
async def aws_proxy(moto: MotoServer) -> AsyncIterator[AwsProxy]:
    proxy = AwsProxy(moto)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()


@pytest.fixture(scope="session")
async def session_proxy(moto_server: MotoServer) -> AsyncIterator[AwsProxy]:
    async with aws_proxy(moto_server) as proxy:
        yield proxy


@pytest.fixture
def proxy(session_proxy: AwsProxy, moto: MotoServer) -> AwsProxy:
    """AWS without anything in it, behind a proxy that has not been told anything."""
    session_proxy.reset()
    return session_proxy


@pytest.fixture(scope="session")
def proxied_provider(
    session_proxy: AwsProxy, moto_server: MotoServer, tmp_path_factory: pytest.TempPathFactory
) -> AwsProvider:
    """A provider that works in one region, and asks the proxy."""
    settings = moto_server.settings(
        tmp_path_factory.mktemp("proxied"), aws_regions=REGION, aws_endpoint_url=session_proxy.url
    )
    return AwsProvider(settings, Patience(settled=timedelta(0), pause=0.05))


@pytest.fixture(scope="session")
def proxied_workers(
    session_proxy: AwsProxy, moto_server: MotoServer, aws_state_dir: Path
) -> Sequence[AwsProvider]:
    """As in different processes: they share nothing but AWS and the service's key, and wait as in earnest."""
    settings = moto_server.settings(aws_state_dir, aws_regions=REGION, aws_endpoint_url=session_proxy.url)
    return [AwsProvider(settings) for _ in range(4)]
