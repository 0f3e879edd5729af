"""deploy/README.md: what it names is there."""

import re
import subprocess

from activities.mongo.__main__ import main
from tests.support.stack import ROOT

PAGE = (ROOT / "deploy/README.md").read_text()
COMMANDS = "\n".join(re.findall(r"```\n(.*?)```", PAGE, re.S))


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"(?<![\w/.])(?:deploy|tests|activities)/[\w./-]+[\w]", PAGE))
    made = {name for name in named if name.startswith(("deploy/secrets/", "deploy/.env"))} | {
        "deploy/secrets",
        "deploy/kubernetes/overlays/ours",
    }
    assert len(named) > 10
    assert [name for name in sorted(named - made) if not (ROOT / name).exists()] == []


def test_the_commands_are_shell() -> None:
    checked = subprocess.run(["bash", "-n"], input=COMMANDS, text=True, capture_output=True, check=False)
    assert checked.stderr == ""


def test_the_modules_that_are_run_know_what_they_are_told() -> None:
    told = set(re.findall(r"activities\.mongo (\w+)", COMMANDS))
    assert told == {"save", "load"}
    assert main(["restore", "file"]) == 2  # it is one of these, or how to use it is said
