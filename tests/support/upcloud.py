"""UpCloud for the tests: our own small one as a process, and providers that speak to it."""

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activities.providers.upcloud.client import UpCloudClient
from activities.providers.upcloud.credentials import authorization
from activities.providers.upcloud.making import choices
from activities.providers.upcloud.pace import Pace
from activities.providers.upcloud.provider import UpCloudProvider
from activities.settings import Settings
from deploy.local.ports import free_port
from deploy.local.program import tied
from tests.support.stack import ROOT

PACE = Pace(settle=0.12, soft_stop=1.0, patience=20.0, first_look=0.02, longest_pause=0.1)
"""That of the test server, whose seconds take 50 ms."""

_PATIENCE = 60.0


class UpCloud:
    """A running test server, and its switches."""

    def __init__(self, folder: Path, ssh_port: int | None = None) -> None:
        self.port = free_port()
        self.ssh_port = ssh_port or free_port(avoid=frozenset({self.port}))
        self.token, self.password = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.username = "operator"
        self._log = folder / "upcloud.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            trust_env=False,
            timeout=30,
            # The server closes one that is idle, perhaps just when it is used again.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that lead to it."""
        return {
            "upcloud_url": f"http://127.0.0.1:{self.port}/1.3",
            "upcloud_token": SecretStr(self.token),
            "upcloud_ssh_port": self.ssh_port,
        }

    def provider(self, state_dir: Path, pace: Pace = PACE, **changes: object) -> UpCloudProvider:
        """A provider that knows nothing of any other one: that of another process."""
        settings = Settings.model_validate({"state_dir": state_dir} | self.settings | changes)
        return UpCloudProvider(client(settings), choices(settings), pace)

    def client(self) -> UpCloudClient:
        return client(Settings.model_validate(self.settings))

    def start(self) -> None:
        """Starts the process, and returns when it answers."""
        command = [
            *(sys.executable, "-m", "tests.support.upcloud_server", "--port", str(self.port)),
            *("--ssh-port", str(self.ssh_port), "--block", str(secrets.randbelow(1000))),
        ]
        given = {"TOKEN": self.token, "USERNAME": self.username, "PASSWORD": self.password}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                tied(*command),
                cwd=ROOT,
                env=os.environ | {f"UPCLOUD_TEST_{name}": value for name, value in given.items()},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the test server did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        self._http.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/control/state", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def state(self) -> dict[str, Any]:
        """What exists there (`tests/support/upcloud_server/control.py`)."""
        return dict(self._http.get("/control/state").raise_for_status().json())

    def servers(self) -> list[dict[str, Any]]:
        return list(self.state()["servers"])

    def traces(self) -> list[str]:
        """Whatever there is of any server."""
        state = self.state()
        return [item["uuid"] for kind in ("servers", "storages") for item in state[kind]]

    def change(self, **changes: object) -> None:
        self._http.post("/control/changes", json=changes).raise_for_status()

    def fault(self, **fault: object) -> None:
        """Lets the next calls go wrong (`tests/support/upcloud_server/faults.py`)."""
        self._http.post("/control/faults", json=fault).raise_for_status()

    def reset(self) -> None:
        """As if it had just been started."""
        self._http.post("/control/reset").raise_for_status()

    def release(self) -> None:
        """Ends what `fault` began."""
        self._http.post("/control/release").raise_for_status()

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A call of UpCloud's own API, as somebody else would make it."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self._http.request(method, f"/1.3{path}", json=body, headers=headers)


def client(settings: Settings) -> UpCloudClient:
    credentials = authorization(settings)
    assert credentials is not None
    return UpCloudClient(settings.upcloud_url, credentials)


@contextlib.contextmanager
def an_upcloud(folder: Path, ssh_port: int | None = None) -> Iterator[UpCloud]:
    """A test server of one's own, for servers whose SSH servers listen on `ssh_port`."""
    server = UpCloud(folder, ssh_port)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def upcloud_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpCloud]:
    """The session's test server."""
    with an_upcloud(tmp_path_factory.mktemp("upcloud")) as server:
        yield server


@pytest.fixture
def upcloud(upcloud_process: UpCloud) -> UpCloud:
    """The session's test server, with nothing in it."""
    upcloud_process.reset()
    return upcloud_process
