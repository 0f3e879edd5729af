"""What the stack keeps and checks before it starts: its directory, pid files, ports, logs and settings."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from activities.settings import Settings
from deploy.local.errors import AlreadyRunning, BadSetting, BadStateDir, PortTaken
from deploy.local.leftovers import end_leftovers
from deploy.local.logs import Log
from deploy.local.parts import environment_of
from deploy.local.ports import check_ports, free_port, is_free
from deploy.local.state_dir import StateDir


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_a_state_directory_has_one_stack_at_a_time(tmp_path: Path) -> None:
    first = StateDir(tmp_path)
    with pytest.raises(AlreadyRunning, match=rf"another stack \(pid {os.getpid()}\) uses .*{tmp_path}"):
        StateDir(tmp_path)
    first.close()
    StateDir(tmp_path).close()


def test_a_state_directory_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        BadStateDir, match=r"cannot be used: .*; set PROVISIONING_STATE_DIR to another"
    ) as raised:
        StateDir(tmp_path / "file" / "state")
    assert "\n" not in str(raised.value)


def test_a_directory_is_emptied_but_for_lock_and_logs(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "state")
    (state_dir.log / "api.log").write_text("kept")
    assert state_dir.is_empty()
    (state_dir.path / "mongodb").mkdir()
    (state_dir.path / "admin-password").write_text("secret")
    (state_dir.path / "elsewhere").symlink_to(tmp_path)
    assert not state_dir.is_empty()
    state_dir.empty()
    assert sorted(path.name for path in state_dir.path.iterdir()) == ["lock", "log", "run"]
    assert (state_dir.log / "api.log").read_text() == "kept"
    assert tmp_path.exists()
    state_dir.close()


def test_a_process_of_an_earlier_stack_is_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    state_dir = StateDir(tmp_path)
    state_dir.pid_file("worker-1").write(sleeper.pid)
    told: list[str] = []
    end_leftovers(state_dir, told.append)
    assert not psutil.pid_exists(sleeper.pid)
    assert told == [f"worker-1 of an earlier stack still runs (pid {sleeper.pid}); ending it"]
    assert list(state_dir.run.iterdir()) == []
    state_dir.close()


@pytest.mark.parametrize("identity", [None, "", "not json", "[]", '[{pid}, 1.0, "another boot"]'])
def test_a_stranger_with_a_recorded_pid_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], identity: str | None
) -> None:
    state_dir = StateDir(tmp_path)
    (state_dir.run / "api.pid").write_text(f"{sleeper.pid}\n")
    if identity is not None:
        (state_dir.run / "api.identity").write_text(identity.replace("{pid}", str(sleeper.pid)))
    end_leftovers(state_dir, pytest.fail)
    assert sleeper.poll() is None
    assert list(state_dir.run.iterdir()) == []
    state_dir.close()


def test_a_taken_port_is_named_with_its_setting_and_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken) as raised:
            check_ports({"PROVISIONING_API_PORT": ("127.0.0.1", port)})
    message = str(raised.value)
    assert message.startswith(f"port {port} is taken by ")
    assert message.endswith(f"(pid {os.getpid()}); set PROVISIONING_API_PORT to another")


def test_two_settings_cannot_name_one_port() -> None:
    port = ("127.0.0.1", free_port())
    with pytest.raises(BadSetting, match="A and B are both"):
        check_ports({"A": port, "B": port})


def test_a_host_that_is_not_ours_is_a_bad_setting() -> None:
    with pytest.raises(BadSetting, match=r"192\.0\.2\.1 is no address of this machine"):
        is_free("192.0.2.1", 20000)


def test_a_log_stays_bounded_and_keeps_its_end(tmp_path: Path) -> None:
    log = Log(tmp_path / "api.log")
    descriptor = log.open()
    os.write(descriptor, b"".join(b"%06d\n" % number for number in range(1000)))
    log.bound(limit=700)
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    assert (tmp_path / "api.log.1").read_text().splitlines() == [f"{n:06d}" for n in range(900, 1000)]
    assert log.since(0) == "after\n"
    assert log.since(5000) == "after\n"
    assert log.last_line() == "after"


def test_members_get_exactly_the_settings_of_the_stack() -> None:
    settings = Settings(api_port=20001, admin_password=SecretStr("a secret"), workers=3)
    inherited = {"PATH": "/bin", "PROVISIONING_API_PORT": "1", "PROVISIONING_MONGODB_URI": "mongodb://old"}
    environment = environment_of(settings, inherited)
    assert Settings.from_environment(environment) == settings
    assert environment["PATH"] == "/bin"
