"""Why a stack does not start: one clear line each, an exit code, and nothing left running."""

import contextlib
import re
import socket
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.support.stack import ROOT, Stack, stack_settings


async def refusal(stack: Stack) -> tuple[int, list[str]]:
    """The exit code of a stack that must not start, and what it said beside that it starts."""
    await stack.launch()
    code = await stack.supervisor.wait()
    assert list(stack.processes()) == []
    return code, [line for line in stack.output.splitlines() if not line.startswith("starting")]


async def test_every_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    stack = Stack(stack_settings(tmp_path / "state"))
    settings = stack.settings
    ports = {
        "API": settings.api_port,
        "CONTROL_CENTER": settings.control_center_port,
        "TEMPORAL": settings.temporal_port,
        "TEMPORAL_UI": settings.temporal_ui_port,
        "MONGODB": settings.mongodb_port,
        "SURREALDB": settings.surrealdb_port,
    }
    with contextlib.ExitStack() as taken:
        for port in ports.values():
            taken.enter_context(socket.create_server(("127.0.0.1", port)))
        code, lines = await refusal(stack)
    assert code == 3
    for line, (name, port) in zip(lines, ports.items(), strict=True):
        assert re.fullmatch(
            rf"port {port} is taken by .+ \(pid \d+\); set PROVISIONING_{name}_PORT to another", line
        )


async def test_two_settings_with_one_port(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path / "state")
    code, lines = await refusal(
        Stack(settings.model_copy(update={"mongodb_port": settings.temporal_port})),
    )
    assert code == 2
    assert lines == [
        f"PROVISIONING_TEMPORAL_PORT and PROVISIONING_MONGODB_PORT are both {settings.temporal_port}; "
        "set one of them to another port"
    ]


@pytest.mark.parametrize("setting", ["PROVISIONING_API_PORT", "PROVISIONING_NO_SUCH_THING"])
async def test_a_setting_that_cannot_be_used(tmp_path: Path, setting: str) -> None:
    stack = Stack(stack_settings(tmp_path / "state"))
    stack.env[setting] = "banana"
    code, lines = await refusal(stack)
    assert code == 2
    assert [line.partition(":")[0] for line in lines] == [setting]


async def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    stack = Stack(stack_settings(tmp_path / "file" / "state"))
    stack.output_path = tmp_path / "output"
    code, lines = await refusal(stack)
    assert code == 6
    assert len(lines) == 1
    assert "cannot be used" in lines[0]
    assert "PROVISIONING_STATE_DIR" in lines[0]


async def test_an_external_temporal_that_does_not_answer(tmp_path: Path) -> None:
    stack = Stack(stack_settings(tmp_path / "state", temporal_address="127.0.0.1:1"))
    code, lines = await refusal(stack)
    assert code == 7
    assert lines == ["no Temporal server answers at 127.0.0.1:1"]


def test_a_missing_binary(tmp_path: Path) -> None:
    """In a real environment that has every library and none of the programs."""
    venv.create(tmp_path / "bare", symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / "bare" / "lib" / version / "site-packages"
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    stack = Stack(stack_settings(tmp_path / "state"))
    ended = subprocess.run(
        [tmp_path / "bare" / "bin" / "python", "-m", "deploy.local", "run"],
        cwd=ROOT,
        env=stack.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 5
    missing = tmp_path / "bare" / "bin" / "temporal"
    assert ended.stderr == f"the program {missing} is missing; `make setup` installs it\n"
