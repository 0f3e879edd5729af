"""Boxes for an ordinary user: real ones, by a user who is made for it and removed afterwards."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.providers.local.images import BaseImages
from tests.support.local_servers import CACHE

_USER = "provisioning-test"
_PROJECT = Path(__file__).parents[2]

_LIFE = """
import asyncio, os, sys
from pathlib import Path
from tests.support import local_servers
from workflows.domain.resources import ServerSpec

async def life(stack):
    print(stack.provider.isolation)
    spec = ServerSpec(infra="shop", name="web-01", provider="local", plan="1xCPU-2GB", zone="local")
    server = await stack.provider.create(spec, "owner-1")
    print(await stack.run(server, "hostname; id -u; cut -d' ' -f1 /proc/1/comm"))
    # Files of other users, links, and removals of files of the image: what package installations do.
    await stack.run(server, "cd /opt; touch a; chown 33:33 a; chmod 0 a; ln -s a b; rm /etc/debian_version")
    print(await stack.run(server, "stat -c %u:%g /opt/a; ls /etc/debian_version 2>/dev/null | wc -l"))
    print(await stack.run(server, "dpkg --audit && apt-get check -qq && echo sound"))
    assert await stack.provider.create(spec, "owner-1") == server
    await stack.provider.delete(server)

async def main():
    stack = local_servers.local_stack("auto", Path.home() / "state")
    try:
        await life(stack)
    finally:
        await stack.provider.remove_all()
    print(stack.traces())

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def user_home() -> Iterator[Path]:
    """The home of a user with subordinate ids, with a copy of root's base image in its cache."""
    if os.geteuid() != 0 or shutil.which("useradd") is None or shutil.which("newuidmap") is None:
        pytest.skip("only root can make a user, and that takes useradd and uidmap")
    images = BaseImages(CACHE)
    if not images.is_built(images.current):
        pytest.skip("there is no base image yet")
    for table in ("/etc/subuid", "/etc/subgid"):
        Path(table).touch()
    subprocess.run(["useradd", "--create-home", _USER], check=True)
    home = Path(pwd.getpwnam(_USER).pw_dir)
    try:
        _copy_image(images.path(images.current), home / "cache/images" / images.current)
        yield home
    finally:
        subprocess.run(["userdel", "--remove", _USER], check=True, capture_output=True)


def _copy_image(source: Path, target: Path) -> None:
    script = 'mkdir -p "$1" && exec unshare --user --map-auto --map-root-user tar -xpf - -C "$1"'
    with subprocess.Popen(
        ["tar", "-cf", "-", "-C", source, "--exclude=./dev/*", "."], stdout=subprocess.PIPE
    ) as pack:
        subprocess.run(["su", _USER, "-c", script, "sh", str(target)], stdin=pack.stdout, check=True)
    assert pack.returncode == 0


def _python_for_everybody() -> str:
    """This Python, or one of the same version that other users can run too."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        works = subprocess.run(["su", _USER, "-c", f"{candidate} -c pass"], capture_output=True, check=False)
        if works.returncode == 0:
            return candidate
    pytest.skip(f"no {version} that other users can run")


def test_a_box_lives_and_dies_for_an_ordinary_user(user_home: Path) -> None:
    python = _python_for_everybody()
    libraries = Path(pytest.__file__).parents[1]
    result = subprocess.run(
        ["su", _USER, "-c", 'cd && exec "$0" -c "$1"', python, _LIFE],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{_PROJECT}:{libraries}",
            "PROVISIONING_CACHE_DIR": str(user_home / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "box (this machine allows it)",
        "web-01",
        "0",
        "sh",
        "33:33",
        "0",
        "sound",
        "[]",
    ]
