"""What each layer that the kernel grants takes from a process, for root and for an ordinary user."""

import json
import os
import platform
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.kcl.confinement import LANDLOCK, LAYERS, NAMESPACES, ROOT, holds_files
from tests.support.ordinary_user import Python

_PROBE = """
import json, os, socket, sys
from pathlib import Path
from activities.kcl.confinement import confine

def succeeds(attempt, *arguments):
    try:
        attempt(*arguments)
    except OSError:
        return False
    return True

folder, layers = confine(Path(sys.argv[1]), ("infra",), sys.argv[3:])
print(json.dumps({
    "layers": layers,
    "own": succeeds(Path(folder, "infra", "config.k").read_text),
    "own folder": succeeds(os.listdir, folder / "infra"),
    "other file": succeeds(Path("/etc/passwd").read_text),
    "other folder": succeeds(os.listdir, "/usr"),
    "beside": succeeds(Path(folder, "beside").read_text),
    "way up": succeeds(Path(folder, "infra", *[".."] * 20, "etc", "passwd").read_text),
    "link out": succeeds(Path(folder, "infra", "link").read_text),
    "write": succeeds(Path(folder, "infra", "written").write_text, "x"),
    "network": succeeds(socket.socket().connect, ("127.0.0.1", int(sys.argv[2]))),
    "new root": succeeds(os.chroot, folder / "infra"),
}))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A copy, open to everybody, and not below a folder that only its owner may enter."""
    with tempfile.TemporaryDirectory() as name:
        infra = Path(name) / "infra"
        infra.mkdir()
        (infra / "config.k").touch()
        (infra.parent / "beside").touch()
        (infra / "link").symlink_to("/etc/passwd")
        for path in (infra, infra.parent):
            path.chmod(0o777)
        yield infra.parent


@pytest.fixture(params=["this user", "an ordinary user"])
def python(request: pytest.FixtureRequest, ordinary_python: Python) -> Python:
    return ordinary_python if request.param == "an ordinary user" else Python(Path(sys.executable))


def probe(python: Python, folder: Path, *layers: str) -> set[str]:
    """What still succeeds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = json.loads(python.run(_PROBE, str(folder), str(server.getsockname()[1]), *layers))
    if found["layers"] != list(layers):
        pytest.skip(f"this machine grants {', '.join(found['layers']) or 'none'} of {', '.join(layers)}")
    return {name for name, could in found.items() if could and name != "layers"}


EVERYTHING = {
    *("own", "own folder", "beside", "other file", "other folder"),
    *("way up", "link out", "write", "network"),
}


def test_without_a_layer_only_privileges_are_gone(python: Python, folder: Path) -> None:
    assert probe(python, folder) == EVERYTHING


def test_namespaces_have_no_network(python: Python, folder: Path) -> None:
    assert probe(python, folder, NAMESPACES) == EVERYTHING - {"network"}


def test_a_root_of_its_own_leaves_the_copy_alone(python: Python, folder: Path) -> None:
    # An ordinary user may change its root only in a namespace.
    layers = (NAMESPACES, ROOT) if python.user or os.geteuid() else (ROOT,)
    still = probe(python, folder, *layers)
    assert still - {"network"} == {"own", "own folder", "beside", "write"}


def test_landlock_leaves_reads_in_what_was_named(python: Python, folder: Path) -> None:
    knows_networks = tuple(map(int, platform.release().split(".")[:2])) >= (6, 7)
    network = set() if knows_networks else {"network"}
    assert probe(python, folder, LANDLOCK) == {"own", "own folder"} | network


def test_all_of_them_hold_together(python: Python, folder: Path) -> None:
    assert probe(python, folder, *LAYERS) == {"own", "own folder"}


@pytest.mark.parametrize(
    ("layers", "held"), [((), False), ((NAMESPACES,), False), ((ROOT,), True), ((LANDLOCK,), True)]
)
def test_which_layers_hold_files(layers: tuple[str, ...], held: bool) -> None:
    assert holds_files(layers) is held
