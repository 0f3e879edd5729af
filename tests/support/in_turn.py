"""Whoever uses a service of several processes: each request goes to the next one, or to one that is there."""

from collections.abc import Iterator, Sequence

import httpx

_IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
"""RFC 9110, section 9.2.2."""


class InTurn(httpx.AsyncBaseTransport):
    """Asks another process where one gives no answer and nothing can be done twice by it."""

    def __init__(self, urls: Sequence[str], turn: Iterator[int]) -> None:
        """`turn` says at which of `urls` a request begins; clients that share it go on from each other."""
        self._urls = [httpx.URL(url) for url in urls]
        self._turn = turn
        self._inner = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        first = next(self._turn)
        *urls, last = self._urls[first:] + self._urls[:first]
        for url in urls:
            try:
                return await self._ask(url, request)
            except httpx.TransportError as error:
                if not _may_go_on(request, error):
                    raise
        return await self._ask(last, request)

    async def _ask(self, url: httpx.URL, request: httpx.Request) -> httpx.Response:
        """The whole answer: a process may also die in the middle of one."""
        address = request.url.copy_with(scheme=url.scheme, host=url.host, port=url.port)
        headers = request.headers.copy()
        headers["Host"] = address.netloc.decode()
        assert isinstance(request.stream, httpx.ByteStream), "what is streamed cannot be sent again"
        asked = httpx.Request(
            request.method, address, headers=headers, stream=request.stream, extensions=request.extensions
        )
        answer = await self._inner.handle_async_request(asked)
        try:
            assert isinstance(answer.stream, httpx.AsyncByteStream)
            body = b"".join([chunk async for chunk in answer.stream])
        finally:
            await answer.aclose()
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=httpx.ByteStream(body),
            extensions={name: value for name, value in answer.extensions.items() if name != "network_stream"},
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def _may_go_on(request: httpx.Request, error: httpx.TransportError) -> bool:
    if isinstance(error, httpx.ConnectError):
        return True  # it was never sent
    return request.method in _IDEMPOTENT or "Idempotency-Key" in request.headers
