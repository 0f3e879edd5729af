"""A process ends with the right code, and nothing that it said or did is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.collector import collecting
from tests.support.stack import ROOT

PROGRAM = """
import logging, sys
from activities import tracing
from activities.process_end import end_after
from activities.settings import Settings
{before}
def main():
    print("said", end="")
    {main}
end_after(main)
"""


# What is said waits until somebody sends it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def run(main: str, before: str = "") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(main=main, before=before)
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("main", "code", "told"),
    [
        ("return 0", 0, ""),
        ("return 7", 7, ""),
        ("raise SystemExit", 0, ""),
        ("sys.exit(2)", 2, ""),
        ("sys.exit('why')", 1, "why\n"),
    ],
)
def test_the_code_is_what_it_would_be(main: str, code: int, told: str) -> None:
    ended = run(main)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "said", told)


def test_what_nobody_caught_is_told() -> None:
    ended = run("raise ValueError('of what')")
    assert (ended.returncode, ended.stdout) == (1, "said")
    assert ended.stderr.startswith("Traceback") and ended.stderr.endswith("ValueError: of what\n")


def test_a_reader_that_is_gone_is_no_obstacle() -> None:
    program = PROGRAM.format(main="return 3", before="")
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait() == 3


def test_the_log_is_written_to_its_end(tmp_path: Path) -> None:
    handler = f"logging.handlers.MemoryHandler(99, target=logging.FileHandler({str(tmp_path / 'log')!r}))"
    run(
        "logging.warning('kept'); return 0",
        f"import logging.handlers; logging.basicConfig(handlers=[{handler}])",
    )
    assert "kept" in (tmp_path / "log").read_text()


def test_spans_that_wait_are_sent() -> None:
    with collecting() as collector:
        begun = f"tracing.start(Settings(tracing_endpoint={collector.address!r}), 'a-process')"
        ended = run("\n    with tracing.call_span('kept', {}): return 0", begun)
        assert ended.returncode == 0, ended.stderr
        assert [span.name for span in collector.spans] == ["kept"]
