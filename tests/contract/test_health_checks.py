"""What the health check of a service's job tells, against servers that answer in their own ways."""

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from activities import catalogue

PROBES = 40
"""Health checks in a row. One that sends its request in pieces fails about every other time."""
REQUEST = b"GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
CHECK = ". ./prelude.sh; . ./supervision.sh; for _ in $(seq $PROBES); do answers; echo $?; done"


class Server:
    """Answers with `status` as soon as `bytes_wanted` of a request have come, and closes at once."""

    def __init__(self, status: str, bytes_wanted: int) -> None:
        self.heard: list[bytes] = []
        self._answer = f"HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n".encode()
        self._wanted = bytes_wanted
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        # Closing alone does not wake the thread.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(self._wanted))
                connection.sendall(self._answer)


@pytest.fixture
def this_process_as_a_service(tmp_path: Path) -> dict[str, str]:
    """The environment of a job whose service is the test itself: it runs, by its file of the process id."""
    start = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
    pidfile = tmp_path / "run/provisioning/me.pid"
    pidfile.parent.mkdir(parents=True)
    pidfile.write_text(f"{os.getpid()} {start}\n")
    return {
        "PATH": os.environ["PATH"],
        "PROVISIONING_SERVER_ROOT": str(tmp_path),
        "SERVICE": "me",
        "ADDRESS": "127.0.0.1",
        "HEALTH": "http",
        "HEALTH_PATH": "/ready",
        "PROBES": str(PROBES),
    }


def checks(environment: dict[str, str], port: int) -> set[str]:
    """The different exit codes of all probes."""
    shell = Path(catalogue.__file__).parent / "shell"
    done = subprocess.run(
        ["bash", "-c", CHECK],
        cwd=shell,
        env={**environment, "PORT": str(port)},
        capture_output=True,
        text=True,
        check=True,
    )
    codes = done.stdout.split()
    assert len(codes) == PROBES, done.stderr
    return set(codes)


@pytest.mark.parametrize("bytes_wanted", [1, 65536])
def test_a_server_that_answers_before_it_has_read_everything_is_well(
    this_process_as_a_service: dict[str, str], bytes_wanted: int
) -> None:
    server = Server("200 OK", bytes_wanted)
    try:
        assert checks(this_process_as_a_service, server.port) == {"0"}
    finally:
        server.close()
    assert set(server.heard) == {REQUEST[:bytes_wanted]}, "the request comes whole, and in one piece"


def test_an_answer_that_is_an_error_is_not_well(this_process_as_a_service: dict[str, str]) -> None:
    server = Server("503 Service Unavailable", 65536)
    try:
        assert checks(this_process_as_a_service, server.port) == {"1"}
    finally:
        server.close()


def test_nobody_who_answers_is_not_well(this_process_as_a_service: dict[str, str]) -> None:
    server = Server("200 OK", 65536)
    server.close()
    assert checks(this_process_as_a_service, server.port) == {"1"}
