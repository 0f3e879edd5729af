"""`make bench`: what a batch costs, against a bare script of the same shape that only uses the Temporal SDK.

A batch's operations make servers of a provider that costs nothing; the bare script's children run an activity
that does nothing. Both run on the same dev server, one after the other and in turns, each with a worker
process of its own that is configured in the same way. A batch also writes its ledger, inventory, read model,
events and snapshots, and its wall time ends when all of that is written.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.bench import tables
from tests.bench.runs import Run, Side, measure
from tests.bench.stage import Stage, stage

OPERATIONS = 200
GROWTH = (50, 200, 500, 1000)
FEWEST_PAIRS = 3
BUDGET = 285.0
"""Seconds that everything may take; what would not fit any more is left out, and the output says so.

`python -m tests.bench SECONDS` gives it more, on a machine that is slow or busy.
"""
STUCK = 150.0
"""Seconds after which a run is given up."""


class Bench:
    """Runs in turns, within the budget."""

    def __init__(self, here: Stage, budget: float) -> None:
        self._stage = here
        self._deadline = time.monotonic() + budget
        self._seconds_each = 0.0
        """What an operation took lately, to tell whether the next run still fits."""

    async def compare(self, parallel_limit: int, count: int, *, then: int = 0) -> None:
        """Pairs of runs, after a warm-up; who comes first changes from pair to pair.

        Args:
            then: operations for which time must be left, as far as that goes with `FEWEST_PAIRS`.
        """
        for side in ("bare", "ours"):
            await self._run(side, OPERATIONS // 4, parallel_limit)
        tables.head(f"{OPERATIONS} operations, parallel limit {parallel_limit}")
        pairs: list[tables.Pair] = []
        for number in range(count):
            if not self._fits(2 * OPERATIONS + (then if number >= FEWEST_PAIRS else 0)):
                tables.say(f"  {count - number} pairs left out: the time is up")
                break
            order: Sequence[Side] = ("bare", "ours") if number % 2 == 0 else ("ours", "bare")
            runs = {side: await self._run(side, OPERATIONS, parallel_limit) for side in order}
            for side in order:
                tables.row(runs[side])
            pairs.append((runs["bare"], runs["ours"]))
        if pairs:
            tables.ratios(pairs)

    async def grow(self, parallel_limit: int) -> None:
        tables.head(f"growth, parallel limit {parallel_limit}")
        for operations in GROWTH:
            if not self._fits(2 * operations):
                tables.say(f"  {operations} operations left out: the time is up")
                continue
            bare = await self._run("bare", operations, parallel_limit)
            ours = await self._run("ours", operations, parallel_limit)
            tables.row(bare)
            tables.row(ours)
            tables.say(f"  ratio {ours.seconds / bare.seconds:.2f}")

    def _fits(self, operations: int) -> bool:
        return time.monotonic() + operations * self._seconds_each < self._deadline

    async def _run(self, side: Side, operations: int, parallel_limit: int) -> Run:
        begun = time.monotonic()
        async with asyncio.timeout(STUCK):
            run = await measure(self._stage, side, operations, parallel_limit)
        self._seconds_each = (time.monotonic() - begun) / operations
        return run


async def main(budget: float) -> None:
    with tempfile.TemporaryDirectory(prefix="provisioning-bench-") as folder:
        async with stage(Path(folder)) as here:
            tables.say(f"{psutil.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
            bench = Bench(here, budget)
            await bench.compare(parallel_limit=50, count=5, then=2 * sum(GROWTH))
            await bench.grow(parallel_limit=50)
            await bench.compare(parallel_limit=100, count=3)


if __name__ == "__main__":
    try:
        asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else BUDGET))
    except KeyboardInterrupt:
        sys.exit(130)
