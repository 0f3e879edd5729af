"""A server in process isolation: `python -m activities.providers.local.process_server <server's folder>`.

An SSH server that lets in one key and runs what it is told as this user, in the server's own folder. It
adopts the processes that its commands leave behind, so that they stay recognisable as the server's.
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncssh

from activities.providers.local.children import Children
from activities.providers.local.folder import Record, ServerFolder
from activities.providers.local.running import start_time
from activities.providers.local.sessions import Sessions, own_environment


async def serve(folder: ServerFolder, record: Record) -> None:
    """Serves until killed."""
    children = Children()
    children.adopt_orphans()
    for script in _boot_scripts(folder.root):
        children.start([script], own_environment())
    await asyncssh.listen(
        record.address,
        record.port,
        server_host_keys=[str(folder.seed / "host_key")],
        authorized_client_keys=str(folder.seed / "authorized_keys"),
        process_factory=Sessions(children).handle,
        sftp_factory=True,
        encoding=None,
        line_editor=False,
        login_timeout=60,
        keepalive_interval=30,
    )
    await asyncio.get_running_loop().create_future()


def _boot_scripts(root: Path) -> list[str]:
    scripts = sorted((root / "etc/provisioning/boot.d").glob("*"))
    return [str(script) for script in scripts if script.is_file() and os.access(script, os.X_OK)]


def main(path: Path) -> None:
    folder = ServerFolder(path.parents[1], path.parent.name, path.name)
    folder.process.write_text(f"{os.getpid()} {start_time(os.getpid())}\n")
    record = folder.read()
    if record is None:
        sys.exit(f"{path} is no server")
    os.chdir(os.environ["HOME"])
    asyncio.run(serve(folder, record))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
