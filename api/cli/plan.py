"""A plan: what would be created, changed and deleted, and what is not as it should be."""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from rich.console import Console
from rich.style import Style
from rich.text import Text

from api.cli.answers import Answer
from api.cli.colours import BLUE, GREEN, ORANGE, RED
from api.cli.output import is_terminal, print_line, printable
from api.cli.terminal_text import cleaned


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    RESTART = "restart"
    DRIFT = "drift"
    """It is there, and not as it was left; nothing would be done about it."""


class Change(Answer):
    """What would be done to one thing, as `server default/web-1`; `note` is for the person."""

    action: Action
    resource: str
    note: str = ""


class Plan(Answer):
    """In the order in which it would be carried out."""

    changes: tuple[Change, ...] = ()


class _Sign(NamedTuple):
    sign: str
    colour: str
    counted: str


_SIGNS = {
    Action.CREATE: _Sign("+", GREEN, "to create"),
    Action.CHANGE: _Sign("~", ORANGE, "to change"),
    Action.DELETE: _Sign("-", RED, "to delete"),
    Action.RESTART: _Sign("*", ORANGE, "to restart"),
    Action.DRIFT: _Sign("!", BLUE, "drifted"),
}
_ALWAYS = {Action.CREATE, Action.CHANGE, Action.DELETE}


def show_plan(plan: Plan, *, beside: bool = False) -> None:
    """The same text on a terminal, in colours, and elsewhere.

    Args:
        beside: to stderr, where it is no output but there for a person who is asked.
    """
    console = Console(stderr=beside)
    for line in _lines(plan):
        if beside or is_terminal():
            console.print(line, soft_wrap=True, highlight=False)
        else:
            print_line(line.plain)


def show_plan_text(text: str) -> None:
    """A plan that the service has put into words: on a terminal in the colours of its signs."""
    colours = {sign.sign: sign.colour for sign in _SIGNS.values()}
    console = Console()
    for line in map(cleaned, text.splitlines()):
        _print(console, Text(line, colours.get(line[:1], "")))


def show_sum(texts: Sequence[str]) -> None:
    """How many changes of each kind there are in several plans together."""
    actions = {sign.sign: action for action, sign in _SIGNS.items()}
    signs = [line[:1] for text in texts for line in text.splitlines()]
    _print(Console(), _summary(Counter(actions[sign] for sign in signs if sign in actions)))


def _print(console: Console, line: Text) -> None:
    if is_terminal():
        console.print(line, soft_wrap=True, highlight=False)
    else:
        print_line(line.plain)


def plan_text(plan: Plan) -> list[str]:
    return [line.plain for line in _lines(plan)]


def _lines(plan: Plan) -> Iterator[Text]:
    yield from map(_change, plan.changes)
    yield _summary(Counter(change.action for change in plan.changes))


def _summary(counts: Counter[Action]) -> Text:
    bold = Style(bold=True)
    if not counts:
        return Text("No changes.", bold)
    # The three that a person looks for are there, also where there are none of them.
    wanted = [action for action in Action if action in _ALWAYS or counts[action]]
    return Text(
        f"Plan: {', '.join(f'{counts[action]} {_SIGNS[action].counted}' for action in wanted)}.", bold
    )


def _change(change: Change) -> Text:
    sign = _SIGNS[change.action]
    title = Text.assemble((f"{sign.sign} ", sign.colour), (printable(change.resource), "bold"))
    return title.append(f"  {printable(change.note)}") if change.note else title


_UNDOING = {
    "created": Action.DELETE,
    "installed": Action.DELETE,
    "deleted": Action.CREATE,
    "removed": Action.CREATE,
}
"""What undoes an effect, by the last word of its kind; the rest is changed back."""


class EffectToUndo(Answer):
    """A step of a rollback that was only asked about."""

    kind: str
    resource: str
    task_id: str
    batch_id: str | None = None
    operation_id: str | None = None


def plan_of_rollback(steps: Sequence[EffectToUndo]) -> Plan:
    one_batch = len({step.batch_id for step in steps}) == 1
    return Plan(changes=tuple(_undoing(step, _maker(step, one_batch=one_batch)) for step in steps))


def _undoing(step: EffectToUndo, maker: str) -> Change:
    thing, _, done = step.kind.rpartition("_")
    return Change(
        action=_UNDOING.get(done, Action.CHANGE),
        resource=f"{thing} {step.resource}",
        note=f"{done} by {maker}",
    )


def _maker(step: EffectToUndo, *, one_batch: bool) -> str:
    """Whose doing it was; without its batch where there is one alone."""
    if step.batch_id is None or step.operation_id is None:
        return f"task {step.task_id}"
    return step.operation_id if one_batch else f"{step.batch_id}/{step.operation_id}"
