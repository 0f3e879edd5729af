"""The shell of the catalogue and of the jobs, as far as it can be judged without running it."""

import os
import socket
import subprocess
import sysconfig
from pathlib import Path

import pytest

from activities import remote
from activities.catalogue.catalogue import BUILT_IN

ROOT = Path(__file__).parents[2]
SHELL = BUILT_IN.parent / "shell"
FOLDERS = (
    *(BUILT_IN, SHELL, Path(remote.__file__).parent / "shell"),
    *(ROOT / "deploy/examples/catalogue", ROOT / "tests/catalogue", ROOT / "tests/standins"),
)
SCRIPTS = sorted(
    path
    for folder in FOLDERS
    for path in folder.rglob("*")
    if path.is_file() and path.suffix in ("", ".sh") and "__pycache__" not in path.parts
)
ALLOWED = {
    "SC1090": "what is read is told by the job's environment",
    "SC1091": "the same",
    "SC2034": "a file that is read sets what others use",
    "SC2154": "parameters come from the job's environment",
    "SC2153": "the same",
    "SC2086": "lists of packages and names are split on purpose",
    "SC2016": "some text is code for another shell",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_is_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_shellcheck_has_nothing_to_say() -> None:
    checker = str(Path(sysconfig.get_path("scripts")) / "shellcheck")
    command = [checker, "--shell=bash", "--format=gcc", f"--exclude={','.join(ALLOWED)}", *map(str, SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert len(SCRIPTS) > 60
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


ADDRESSES = {
    "203.0.113.7": ("203.0.113.7 via 10.0.0.1 dev eth0 src 10.0.0.5 uid 0 \\    cache ", "10.0.0.5"),
    "127.9.1.1": ("local 127.9.1.1 dev lo src 127.0.0.1 uid 0 \\    cache <local> ", "127.9.1.1"),
    "web.example": ("", "web.example"),
}
"""How a server is reached, what its `ip route get` says of that, and where its services listen."""


def with_routes(folder: Path, told: str) -> str:
    """A PATH on which `ip` says this."""
    (folder / "ip").write_text(f"#!/bin/sh\ncat <<'END'\n{told}\nEND\n")
    (folder / "ip").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("reached_at", ADDRESSES)
def test_behind_a_nat_a_service_listens_on_the_servers_own_address(reached_at: str, tmp_path: Path) -> None:
    told, own = ADDRESSES[reached_at]
    environment = {
        "PATH": with_routes(tmp_path, told),
        "SERVICE": "nginx",
        "ADDRESS": reached_at,
        "PRELUDE": str(SHELL / "prelude.sh"),
    }
    script = 'set -u; . "$PRELUDE"; echo "$ADDRESS $REACHED_AT"'
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [own, reached_at]


def test_behind_a_nat_a_service_is_asked_at_the_servers_own_address(tmp_path: Path) -> None:
    path = with_routes(tmp_path, "203.0.113.7 via 10.0.0.1 dev eth0 src 127.0.0.1 uid 0 \\    cache ")
    script = Path(remote.__file__).parent / "shell/answering.sh"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        command = ["bash", str(script), "203.0.113.7", port]
        done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [port]


APT = {
    "E: Failed to fetch http://h:9/v1/deb/Release.key  Could not connect to h:9 (111: Connection refused)": (
        *(1, "http://h:9/v1/deb", "connection refused"),
    ),
    "W: Failed to fetch http://h/debian/dists/stable/InRelease  Temporary failure resolving 'h'": (
        *(1, "http://h/debian", "its name cannot be resolved"),
    ),
    "E: Failed to fetch http://h/debian/pool/main/r/redis/redis_7.deb  404  Not Found [IP: 10.0.0.1 80]": (
        *(1, "http://h/debian", "404, it does not have that"),
    ),
    "E: Failed to fetch http://h/debian/pool/main/r/redis/redis_7.deb  403  Forbidden [IP: 10.0.0.1 80]": (
        *(1, "http://h/debian", "it does not let this server in"),
    ),
    "E: Failed to fetch http://h/x/Release.key  Connection timed out [IP: 10.0.0.1 80]": (
        *(1, "http://h/x", "it does not answer in time"),
    ),
    "W: Failed to fetch https://h/x/Release.key  Certificate verification failed: it is NOT trusted.": (
        *(1, "https://h/x", "no trusted connection to it"),
    ),
    "W: GPG error: http://h/debian stable InRelease: The signatures couldn't be verified: NO_PUBKEY 1": (
        *(1, "http://h/debian", "its signature does not hold"),
    ),
    "W: GPG error: http://h/v1/deb/  InRelease: The signatures couldn't be verified: NO_PUBKEY 1": (
        *(1, "http://h/v1/deb", "its signature does not hold"),
    ),
    "E: Failed to fetch http://h/debian/pool/r.deb  503  Service Unavailable [IP: 10.0.0.1 80]": (
        *(75, "http://h/debian", "it failed"),
    ),
    "E: Could not get lock /var/lib/dpkg/lock. It is held by process 12 (apt-get)": (75, "", ""),
    "E: Unable to locate package nonsense": (1, "", ""),
}
"""What apt says; whether it is final (1) or for now (75), which source is to blame, and why."""


@pytest.mark.parametrize("said", APT)
def test_the_source_is_blamed_for_what_apt_says_of_it(said: str, tmp_path: Path) -> None:
    code, source, why = APT[said]
    (tmp_path / "output").write_text(f"Reading package lists...\n{said}\n")
    shell = [str(SHELL / name) for name in ("prelude.sh", "sources.sh")]
    script = '. "$1"; . "$2"; give_up_on_sources "$3" "could not install it"'
    command = ["bash", "-c", script, "bash", *shell, str(tmp_path / "output")]
    environment = {"PATH": os.environ["PATH"], "SERVICE": "nginx", "ADDRESS": "127.9.1.1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.startswith("could not install it")
    blamed = f"package source {source} cannot be used from this server: {why} (" if source else ""
    assert done.stdout.startswith(blamed)
    assert bool(done.stdout) == bool(source)
