"""Running this machine's own tools, and not leaving them behind when they are no longer wanted."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from activities.providers.local import namespaces
from workflows.domain.errors import ActionFailed


async def run(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What the command prints. Its whole process group is killed when the wait for it is cancelled.

    Raises:
        ActionFailed: it ended with another exit code than 0; the message holds the end of its output.
    """
    process = await asyncio.create_subprocess_exec(
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    text = output.decode(errors="replace").strip()
    if process.returncode != 0:
        raise ActionFailed(f"{arguments[0]} ended with exit code {process.returncode}: {text[-2000:]}")
    return text


async def remove_tree(path: Path) -> None:
    """Removes a folder with files that may belong to any user of a box, or be closed to their own owner.

    Raises:
        ActionFailed: something in it cannot be removed.
    """
    rights = namespaces.as_root() if namespaces.missing() is None else ()
    script = 'rm -rf -- "$1" 2>/dev/null || { chmod -R u+rwX -- "$1"; rm -rf -- "$1"; }'
    await run((*rights, "sh", "-c", script, "sh", str(path)))
