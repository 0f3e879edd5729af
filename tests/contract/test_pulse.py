"""A worker's pulse: what its file says, while Temporal is there and while it is not, and to the probes."""

import os
import subprocess
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.pulse import Pulse
from tests.support.cuttable_proxy import cuttable_proxy
from tests.support.stack import ROOT, eventually

PROBE = ROOT / "deploy/image/probe"


def says(file: Path, state: str) -> bool:
    return file.exists() and file.read_text() == f"{state}\n"


def probe(file: Path, what: str) -> int:
    """The exit code of the probe that the image has."""
    environment = {"PATH": os.environ["PATH"], "PROVISIONING_PULSE_FILE": str(file)}
    return subprocess.run([PROBE, what], env=environment, check=False, stderr=subprocess.DEVNULL).returncode


async def test_it_tells_whether_the_worker_works(temporal: Client, tmp_path: Path) -> None:
    file = tmp_path / "pulse"
    pulse = Pulse(file, every=0.05)
    async with cuttable_proxy(temporal.service_client.config.target_host) as proxy, pulse.beating():
        await eventually(lambda: says(file, "starting"))
        assert (probe(file, "alive"), probe(file, "ready")) == (0, 1)
        pulse.works_with(await Client.connect(proxy.address))
        await eventually(lambda: says(file, "working"))
        assert (probe(file, "alive"), probe(file, "ready")) == (0, 0)
        async with proxy.away():
            await eventually(lambda: says(file, "waiting"))
            assert (probe(file, "alive"), probe(file, "ready")) == (0, 1)
        await eventually(lambda: says(file, "working"))
    assert not file.exists()
    assert probe(file, "alive") != 0


def test_one_that_hangs_is_not_alive(tmp_path: Path) -> None:
    file = tmp_path / "pulse"
    file.write_text("working\n")
    long_ago = file.stat().st_mtime - 60
    os.utime(file, (long_ago, long_ago))
    assert (probe(file, "alive"), probe(file, "ready")) == (1, 1)


async def test_a_place_that_cannot_be_written_to_is_no_reason_to_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pulse = Pulse(tmp_path / "none" / "pulse", every=0.01)
    async with pulse.beating():
        await eventually(lambda: "cannot be written" in caplog.text)
