"""The bench's output: plain lines that read the same in a terminal, a log and a README."""

import statistics
from collections.abc import Sequence

from tests.bench.runs import Run

Pair = tuple[Run, Run]
"""The bare run, and ours that ran right beside it."""


def say(line: str = "") -> None:
    print(line, flush=True)


def head(title: str) -> None:
    say()
    say(title)
    say(
        f"  {'side':<6}{'operations':>11}{'wall s':>9}{'per s':>8}{'parent events':>15}{'all events':>12}"
        f"{'runs':>6}{'worker CPU s':>14}{'Temporal CPU s':>16}{'MongoDB CPU s':>15}"
    )


def row(run: Run) -> None:
    say(
        f"  {run.side:<6}{run.operations:>11}{run.seconds:>9.2f}{run.operations / run.seconds:>8.1f}"
        f"{run.parent_events:>15}{run.events:>12}{run.parent_runs:>6}"
        f"{run.cpu['worker']:>14.2f}{run.cpu['temporal']:>16.2f}{run.cpu['mongodb']:>15.2f}"
    )


def ratios(pairs: Sequence[Pair]) -> None:
    """Pair by pair, since the machine's mood changes from one pair to the next and not within one."""
    for side, runs in (("bare", [bare for bare, _ in pairs]), ("ours", [ours for _, ours in pairs])):
        say(
            f"  median {side}: {statistics.median(run.seconds for run in runs):.2f} s, "
            f"{statistics.median(run.parent_events for run in runs):.0f} parent events, "
            f"{statistics.median(run.events for run in runs):.0f} in all"
        )
    found = [ours.seconds / bare.seconds for bare, ours in pairs]
    say(f"  ours to bare, pair by pair: {' '.join(f'{ratio:.2f}' for ratio in found)}")
    say(f"  ratio: min {min(found):.2f}, median {statistics.median(found):.2f}, max {max(found):.2f}")
