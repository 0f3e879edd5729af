"""`provisioning rollback`: going back."""

from typing import Annotated

import typer
from pydantic import JsonValue

from api.cli import prompts
from api.cli.answers import Answer, Fields, RollbackResult, as_fields, valid
from api.cli.completion import checkpoint_ids
from api.cli.errors import WrongUsage
from api.cli.exit_codes import ExitCode
from api.cli.options import DEFAULT_PROFILE, JsonOption, ProfileOption
from api.cli.output import complain, show_json, show_one, tell
from api.cli.plan import EffectToUndo, Plan, plan_of_rollback, show_plan
from api.cli.rolling_back import roll_back
from api.cli.session import Session, session_of
from api.cli.waiting import outcome_code
from workflows.domain.command_lines import rollback_of, rollback_to

_EXECUTE = "/rollback/execute"
_FIELDS = ("rollback_id", "status", "operations_executed", "operations_failed", "duration")


def rollback(
    *,
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", metavar="ID", help="Undo all since.", autocompletion=checkpoint_ids),
    ] = None,
    operations: Annotated[
        list[str] | None,
        typer.Option(
            "--operation",
            metavar="ID",
            help="Undo what this one did: a task's id, BATCH/OPERATION, or an operation's id. Repeatable.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be undone.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
    as_json: JsonOption = False,
) -> None:
    """Undo everything since a checkpoint, or what some operations did; newest first.

    On a terminal it shows what would be undone, and asks. It waits for the end; the exit code is the outcome.
    """
    if bool(checkpoint) == bool(operations):
        raise WrongUsage("give either --checkpoint or --operation")
    body: Fields
    if checkpoint:
        body, words = {"checkpoint_id": checkpoint}, rollback_to(checkpoint)
    else:
        named = operations or []
        body, words = {"operation_ids": list(named)}, rollback_of(named)
    session = session_of(profile)
    if dry_run:
        answer = _preview(session, body)
        if as_json:
            show_json(answer)
        else:
            show_plan(_plan(answer))
        return
    if not yes and prompts.can_ask():
        _confirm(session, body)
    _show(roll_back(session, _EXECUTE, body, words, as_json=as_json), as_json=as_json)


def _preview(session: Session, body: Fields) -> JsonValue:
    return session.call("POST", _EXECUTE, body, query={"dry_run": True})


class _Preview(Answer):
    would_undo: tuple[EffectToUndo, ...]


def _plan(answer: JsonValue) -> Plan:
    return plan_of_rollback(valid(_Preview, answer).would_undo)


def _confirm(session: Session, body: Fields) -> None:
    """Raises Exit where the person does not want it."""
    plan = _plan(_preview(session, body))
    show_plan(plan, beside=True)
    # A rollback of nothing harms nothing, and answers like any other.
    if plan.changes and prompts.ask("Undo this? Only 'yes' does it") != "yes":
        tell("nothing was undone")
        raise typer.Exit(ExitCode.INTERRUPTED)


def _show(answer: JsonValue, *, as_json: bool) -> None:
    result, row = valid(RollbackResult, answer), as_fields(answer)
    show_one(row, _FIELDS, as_json=as_json)
    for line in _errors(result):
        complain(line)
    if not result.success:
        raise typer.Exit(outcome_code(result.status))


def _errors(result: RollbackResult) -> list[str]:
    return [*filter(None, [result.error]), *(f"left behind: {line}" for line in result.remaining)]
