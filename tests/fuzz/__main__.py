"""Fuzzes for long: `python -m tests.fuzz [cases for each operation]`. Exits with 1 if anything was found."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import Target, fuzz, schemas
from tests.fuzz.stage import fuzzed_stack

_CASES = 400
"""For each operation and phase, of two schemas: some 25,000 in all."""


async def main(cases: int) -> int:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        async with fuzzed_stack(Path(folder)) as stack:
            total, clean = 0, True
            for schema in schemas(Path(folder)):
                report = await fuzz(Target.of(stack), schema, cases, Path(folder))
                print(report.output)
                print(f"{schema.name}: {report.cases} cases, {len(report.failures)} failures", flush=True)
                total, clean = total + report.cases, clean and report.clean
            alive = (await stack.http.get("/tasks")).status_code == 200
    print(f"{total} cases in all: {'nothing found' if clean and alive else 'FAILED'}")
    return 0 if clean and alive else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else _CASES)))
