"""What every command has, and what the help promises to scripts."""

from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.exit_codes import ExitCode


def leaves(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """The commands that do something, with the words behind `provisioning`."""
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*words, name))
    else:
        assert isinstance(command, TyperCommand)
        yield words, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_every_command_prints_json_takes_a_profile_and_explains_itself() -> None:
    assert {("health",), ("batch", "submit"), ("taskserv", "restart")} <= set(COMMANDS)
    for words, command in COMMANDS.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--json", "--profile"} <= options, words
        assert command.help, words


def test_the_help_tells_every_exit_code() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100", "TERM": "dumb"}).output
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in shown
