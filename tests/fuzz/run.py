"""Runs Schemathesis, as its own process, against an API that is there."""

import asyncio
import json
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from api.openapi import CONTRACT, served_contract
from api.permissions import MINIMAL_ROLE
from tests.fuzz.exclusions import REFUSALS, WITH_THE_CONTRACT, WITHOUT_HTTP
from tests.fuzz.hooks import ADMIN
from tests.support.stack import ROOT, Stack

_ACCEPTED = ("2xx", "401", "403", "404", "409", "422", "5xx")
"""What `positive_data_acceptance` takes by itself, and 422. A 5xx is a failure of another check."""
_REJECTED = [*map(str, (400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429))]
"""What `negative_data_rejection` takes by itself but 5xx, and 413: who sends too much is refused unread."""


@dataclass(frozen=True)
class Target:
    """An API, and the header with which everything may be called."""

    base_url: str
    authorization: str
    admin: str

    @classmethod
    def of(cls, stack: Stack) -> "Target":
        return cls(stack.base_url, stack.http.headers["Authorization"], stack.settings.admin_username)


@dataclass(frozen=True)
class Schema:
    """What the service is held to."""

    name: str
    file: Path
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a run found. `output` is for people."""

    cases: int
    operations: int
    failures: tuple[str, ...]
    errors: tuple[str, ...]
    complete: bool
    output: str

    @property
    def clean(self) -> bool:
        return self.complete and not self.failures and not self.errors


def schemas(folder: Path) -> tuple[Schema, Schema]:
    """The contract file, and the served document, which is written into `folder`."""
    served = folder / "served.json"
    served.write_bytes(served_contract())
    return Schema("contract", CONTRACT, tuple(WITH_THE_CONTRACT)), Schema("served", served)


def operations(schema: Schema) -> list[str]:
    """What is called: everything that is described, but for what has no HTTP."""
    document: dict[str, Any] = yaml.safe_load(schema.file.read_text())
    return sorted(
        name
        for path, item in document["paths"].items()
        for method in item
        if (name := f"{method.upper()} {path}") in MINIMAL_ROLE and name not in WITHOUT_HTTP
    )


async def fuzz(target: Target, schema: Schema, cases: int, folder: Path, seed: int | None = None) -> Report:
    """Up to `cases` for each operation and phase. Leaves a report and its configuration in `folder`."""
    config, report = folder / f"{schema.name}.toml", folder / f"{schema.name}-report.json"
    config.write_text("\n".join(_configuration(target)))
    command = [
        str(Path(sysconfig.get_path("scripts")) / "schemathesis"),
        *("--config-file", str(config), "run", str(schema.file), "--url", target.base_url),
        *("--checks", "all", "--continue-on-failure", "--no-color"),
        *("--max-examples", str(cases), "--generation-database", "none"),
        *("--report", "json", "--report-json-path", str(report)),
        *(("--exclude-checks", ",".join(schema.excluded)) if schema.excluded else ()),
        *(("--seed", str(seed)) if seed is not None else ()),
        *(argument for name in operations(schema) for argument in ("--include-name", name)),
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | {"NO_PROXY": "*", "PYTHONPATH": str(ROOT), ADMIN: target.admin},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return _read(report, output.decode())


def _configuration(target: Target) -> Iterator[str]:
    yield 'hooks = "tests.fuzz.hooks"'
    yield "[headers]"
    yield f'Authorization = "{target.authorization}"'
    yield "[checks.negative_data_rejection]"
    yield f"expected-statuses = {json.dumps(_REJECTED)}"
    for refusal in REFUSALS:
        yield "[[operations]]"
        yield f"# {refusal.reason}"
        yield f'include-name = "{refusal.name}"'
        yield f"checks.positive_data_acceptance.expected-statuses = {json.dumps(_ACCEPTED)}"


def _read(report: Path, output: str) -> Report:
    if not report.exists():
        raise RuntimeError(f"schemathesis did not run:\n{output}")
    found = json.loads(report.read_text())
    return Report(
        cases=found["test_cases"]["generated"],
        operations=found["operations"]["tested"],
        failures=tuple(json.dumps(failure)[:2000] for failure in found["failures"]),
        errors=tuple(json.dumps(error)[:2000] for error in found["errors"]),
        complete=found["complete"],
        output=output,
    )
