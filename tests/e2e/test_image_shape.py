"""Both commands as the image runs them: for an ordinary user without capabilities, on a read-only root.

No container is made: this machine's own root is what cannot be written to, and the settings are the image's.
"""

import asyncio
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from deploy.local.ports import free_port
from tests.support.api import PASSWORD, log_in
from tests.support.mongodb import EmbeddedMongo
from tests.support.ordinary_user import Python
from tests.support.stack import ROOT, eventually

DOCKERFILE = (ROOT / "deploy/image/Dockerfile").read_text()

# What the root is made read-only with, where the command's two folders are mounted, and who it is then.
ENTER = """set -e
mount --make-rprivate /
mount -o remount,bind,ro /
for folder in "$1" "$2"; do mount -t tmpfs -o "uid=$3,mode=700" tmpfs "$folder"; done
user=$3; shift 3
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all "$@"
"""


@dataclass
class Shape:
    """Where the image's folders are here."""

    folder: Path
    python: Python
    given: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """What the image sets, and what whoever runs it adds."""
        (block,) = re.findall(r"^ENV (.*?)(?<!\\)\n", DOCKERFILE, re.S | re.M)
        places = {"/state": "state", "/tmp": "tmp"}  # noqa: S108 - the image's own
        found = dict(pair.split("=", 1) for pair in block.replace("\\\n", " ").split())
        for name, value in found.items():
            for inside, here in places.items():
                if value == inside or value.startswith(f"{inside}/"):
                    found[name] = str(self.folder / here) + value.removeprefix(inside)
        found |= {"PATH": f"{self.python.executable.parent}:{os.environ['PATH']}"}
        found |= {"TMPDIR": str(self.folder / "tmp"), "PROVISIONING_INFRA_DIR": str(ROOT / "deploy/infra")}
        return found | dict(self.given)

    async def start(self, command: str) -> asyncio.subprocess.Process:
        folders = [str(self.folder / name) for name in ("state", "tmp")]
        return await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "sh", "-c", ENTER, "sh", *folders, str(self.python.user)),
            *("python", "-m", command),
            cwd=ROOT,
            env=self.environment(),
            stderr=asyncio.subprocess.PIPE,
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that others can enter."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("this machine lets us mount nothing")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def shape(ordinary_python: Python, mongodb: EmbeddedMongo, temporal: Client, folder: Path) -> Shape:
    given = {
        "API_PORT": str(free_port()),
        "CONTROL_CENTER_PORT": str(free_port()),
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
        "TASK_QUEUE": folder.name,
        "MONGODB_URI": mongodb.uri,
        "MONGODB_DATABASE": folder.name,
        "ADMIN_PASSWORD": PASSWORD,
    }
    for name in ("state", "tmp"):
        (folder / name).mkdir()
    return Shape(folder, ordinary_python, {f"PROVISIONING_{name}": value for name, value in given.items()})


def is_confined(process: asyncio.subprocess.Process) -> bool:
    """Whether its root is read-only, and it is nobody's."""
    mounts = [line.split() for line in Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()]
    (root,) = [mount[5].split(",") for mount in mounts if mount[4] == "/"]
    status = Path(f"/proc/{process.pid}/status").read_text()
    return "ro" in root and "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_the_api_works_and_ends(shape: Shape) -> None:
    process = await shape.start("api")
    base = f"http://127.0.0.1:{shape.given['PROVISIONING_API_PORT']}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=60) as client:

        async def answers() -> bool:
            if process.returncode is not None:
                pytest.fail((await ended(process))[1])
            try:
                return (await client.get("/health/live")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers, within=120)
        token = await log_in(client, "admin", PASSWORD)
        # The settings file is evaluated, in a child process and a folder of its own.
        answer = await client.post(
            "/workflows/servers/create",
            json={"infra": "demo"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert "the provider 'local' is not configured here" in answer.json()["error"]
        assert is_confined(process)
    assert (await ended(process))[0] == 0


async def test_a_worker_polls_and_ends(shape: Shape) -> None:
    process = await shape.start("worker")
    pulse = Path(f"/proc/{process.pid}/root{shape.environment()['PROVISIONING_PULSE_FILE']}")

    def polls() -> bool:
        assert process.returncode is None
        return pulse.exists() and pulse.read_text() == "working\n"

    await eventually(polls, within=120)
    assert is_confined(process)
    assert (await ended(process))[0] == 0
