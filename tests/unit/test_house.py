"""The rules of the house that no linter knows."""

import ast
import hashlib
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CONTRACT_SHA256 = "919ce90eeb567b03262ff72f7b4caddbbff34a73e77795dda87b4b6f0acd29fa"

TOP_LEVEL = {
    *("api", "workflows", "activities", "worker.py", "tests", "deploy"),
    *("pyproject.toml", "requirements.lock", "Makefile", "README.md", "CHANGELOG.md", "LICENSE"),
}

LONGEST = {"worker.py": 120}
"""Lines that a file may have, where it is not 300."""


def tracked() -> list[Path]:
    """What belongs to the project: what git knows, or everything in a copy without git."""
    if not (ROOT / ".git").exists():
        visible = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return [
            p for p in visible if not any(part.startswith(".") or part == "__pycache__" for part in p.parts)
        ]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).exists()]


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def imported_by(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_the_top_level_is_the_layout_that_was_agreed() -> None:
    found = {path.parts[0] for path in tracked()}
    assert {name for name in found if not name.startswith(".")} <= TOP_LEVEL


def test_no_file_is_too_long() -> None:
    too_long = {
        str(path): lines
        for path in python_files()
        if (lines := len((ROOT / path).read_text().splitlines())) > LONGEST.get(str(path), 300)
    }
    assert too_long == {}


def test_nothing_but_tests_imports_the_worker() -> None:
    service = [path for path in python_files() if path.parts[0] != "tests"]
    assert [str(path) for path in service if "worker" in imported_by(path)] == []


def test_the_service_imports_no_tests() -> None:
    service = [path for path in python_files() if path.parts[0] != "tests"]
    assert [str(path) for path in service if "tests" in imported_by(path)] == []


def test_the_embedded_mongodb_is_run_and_never_imported() -> None:
    assert [str(path) for path in python_files() if "secantus" in imported_by(path)] == []


def test_strategies_draw_from_hypothesis_alone() -> None:
    with_strategies = [path for path in python_files() if "hypothesis" in imported_by(path)]
    assert with_strategies
    assert [str(path) for path in with_strategies if {"random", "secrets"} & imported_by(path)] == []


def test_the_contract_is_the_one_that_was_agreed() -> None:
    contract = (ROOT / "api/contract/openapi.yaml").read_bytes()
    assert hashlib.sha256(contract).hexdigest() == CONTRACT_SHA256


@pytest.mark.parametrize("outside", ["../shared", "/work/", "/root/", "/home/"])
def test_nothing_names_a_path_outside_the_project(outside: str) -> None:
    this_file = Path(__file__).resolve().relative_to(ROOT)
    readable = [p for p in tracked() if p != this_file and p.suffix not in {".lock", ".json", ".png", ".svg"}]
    assert [str(path) for path in readable if outside in (ROOT / path).read_text()] == []
