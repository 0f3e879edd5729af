"""A short run of the fuzzer; `python -m tests.fuzz` is the long one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fuzz.run import Target, fuzz, operations, schemas
from tests.fuzz.stage import fuzzed_stack
from tests.support.stack import Stack

CASES = 5
"""For each operation; the systematic cases, some forty for each, come on top."""

SEED = 3
"""The same cases each time: what is found here was brought in by a change. The long run takes new ones."""


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with fuzzed_stack(tmp_path_factory.mktemp("fuzz")) as stack:
        yield stack


@pytest.mark.parametrize("schema", ["contract", "served"])
async def test_no_request_surprises_the_service(stack: Stack, tmp_path: Path, schema: str) -> None:
    (wanted,) = (s for s in schemas(tmp_path) if s.name == schema)
    target = Target.of(stack)
    report = await fuzz(target, wanted, CASES, tmp_path, SEED)
    assert report.clean, report.output
    assert report.operations == len(operations(wanted))
    assert report.cases > 300
    # Otherwise all of it met nothing but a closed door.
    assert (await stack.http.get("/tasks")).status_code == 200
