"""What shells are offered behind a command: words of whoever chose a name, and none of the shell's."""

import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer._click.shell_completion import CompletionItem
from typer._completion_classes import ZshComplete

from api.cli import completion

BATCH = "0c4f7d0a-52f5-4b0e-9c55-3c1a5a1c2b11"
ZSH = """
# What _arguments of zsh does with `((...))`, by its own source: it evaluates the words.
_arguments() { local action=${1#*: :}; eval "ws=( ${action:2:${#action}-4} )"; }
eval "$OFFERED"
"""


class Page(NamedTuple):
    data: Any


class OneBatch:
    """A session in which there is one batch."""

    def __init__(self, name: str, identity: str = BATCH) -> None:
        self._row = {"batch_id": identity, "name": name, "status": "Running"}

    def page(self, *_: object) -> Page:
        return Page([self._row])


def offered(monkeypatch: pytest.MonkeyPatch, session: OneBatch) -> completion.Offered:
    monkeypatch.setattr(completion, "session_of", lambda _: session)
    return completion.batch_ids(typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None))), "")


@pytest.mark.parametrize(
    "name", ["\\$(touch {})", "\\`touch {}`", '\\") ; touch {} ; (\\"', "'; touch {}; '"]
)
def test_a_name_is_no_command_for_a_shell_that_evaluates_what_it_is_offered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    found = offered(monkeypatch, OneBatch(name.format(tmp_path / "done")))
    assert [word for word, _ in found] == [BATCH]
    shell = ZshComplete(cli=None, ctx_args={}, prog_name="provisioning", complete_var="")  # type: ignore[arg-type]
    words = "\n".join(shell.format_completion(CompletionItem(word, help=said)) for word, said in found)
    line = f"_arguments '*: :(({words}))'"
    subprocess.run(["bash", "-c", ZSH], env={"OFFERED": line, "PATH": "/usr/bin:/bin"}, check=False)
    assert not (tmp_path / "done").exists()


def test_what_is_said_beside_an_id_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ((word, said),) = offered(monkeypatch, OneBatch("größer\n\x1b[31m--yes"))
    assert (word, said) == (BATCH, "größer   31m--yes Running")
    assert offered(monkeypatch, OneBatch("x", "$(touch x)")) == []
