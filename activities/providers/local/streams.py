"""Carries bytes between an SSH channel and the pipes of a process, at the pace of the slower one.

By hand: asyncssh's own redirection onto pipes now and then lost the end of what was sent (a `wc -c` that was
sent 300,000 bytes counted 262,144). Here every byte that was sent arrives, and every byte that a process
wrote before its end.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable

import asyncssh

_CHUNK = 64 * 1024
_LAST_OUTPUT_SECONDS = 0.2
"""How long to wait for more once the process has ended and its output is empty: a daemon that it left may
hold it open for ever."""

Interruption = Callable[[Exception], None]
"""What to do about a signal or a change of the terminal's size, which arrive between the bytes."""


async def pour_in(source: "asyncssh.SSHReader[bytes]", target: int, interrupted: Interruption) -> None:
    """Writes what the client sends to the pipe `target`, and closes it after that."""
    os.set_blocking(target, False)
    try:
        while True:
            try:
                data = await source.read(_CHUNK)
            except (asyncssh.SignalReceived, asyncssh.BreakReceived, asyncssh.TerminalSizeChanged) as event:
                interrupted(event)
                continue
            if not data:
                return
            await _write(target, data)
    except (OSError, asyncssh.Error):
        return  # Nobody reads any more, or nobody sends.
    finally:
        os.close(target)


async def pour_out(source: int, target: "asyncssh.SSHWriter[bytes]", ended: "asyncio.Future[int]") -> None:
    """Sends what comes out of the pipe `source` to the client, and closes it after that."""
    os.set_blocking(source, False)
    try:
        while True:
            try:
                data = os.read(source, _CHUNK)
            except BlockingIOError:
                if not await _has_more(source, ended):
                    return
                continue
            if not data:
                return
            target.write(data)
            await target.drain()
    except (OSError, asyncssh.Error):
        return  # The client is gone, or the terminal's other side is closed.
    finally:
        os.close(source)


async def _write(target: int, data: bytes) -> None:
    rest = memoryview(data)
    loop = asyncio.get_running_loop()
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:
            writable = asyncio.Event()
            loop.add_writer(target, writable.set)
            try:
                await writable.wait()
            finally:
                loop.remove_writer(target)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


async def _has_more(source: int, ended: "asyncio.Future[int]") -> bool:
    """Waits until there is something to read; False if the process has ended and there is nothing."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(source, _settle, readable)
    try:
        await asyncio.wait((readable, ended), return_when=asyncio.FIRST_COMPLETED)
        if not readable.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(readable), _LAST_OUTPUT_SECONDS)
        return readable.done()
    finally:
        loop.remove_reader(source)
        readable.cancel()
