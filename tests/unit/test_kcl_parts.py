"""The parts of the door to KCL that need no KCL: imports that are refused, and reports as problems."""

import json
from pathlib import Path
from typing import Any

import pytest

from activities.kcl.imports import refused_imports
from activities.kcl.problems import Problem, listing
from activities.kcl.reports import problems_in

COPY = Path("/srv/copy")


@pytest.mark.parametrize(
    "text",
    [
        "import file",
        "import file as f",
        "import\tfile",
        "import \\\n    file",
        "import\x0cfile",
        "x = 1\r\nimport file\r\n",
    ],
)
def test_where_files_cannot_be_held_the_file_module_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.k").write_text(f"# first\n  {text}\n")
    (problem,) = refused_imports(tmp_path, files_are_held=False)
    assert problem.file == "parts/a.k"
    assert (problem.line, problem.column) == ((3, 1) if "x = 1" in text else (2, 3))
    assert "cannot confine it" in problem.text
    assert list(refused_imports(tmp_path, files_are_held=True)) == []


def test_plugins_are_refused_everywhere(tmp_path: Path) -> None:
    (tmp_path / "a.k").write_text("import kcl_plugin.os as os\n")
    (tmp_path / "data.txt").write_bytes(b"\xff import file")
    (tmp_path / "b.k").symlink_to("data.txt")
    for held, files in ((True, ["a.k"]), (False, ["a.k", "b.k"])):
        assert [problem.file for problem in refused_imports(tmp_path, files_are_held=held)] == files


@pytest.mark.parametrize("text", ["import files", "import filed.a", "import .file_a", "important file", "x"])
def test_other_imports_pass(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.k").write_text(f"{text}\n")
    assert list(refused_imports(tmp_path, files_are_held=False)) == []


def place(uri: str, line: int = 2, column: int = 3) -> dict[str, Any]:
    region = {"startLine": line, "startColumn": column}
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def report(*results: dict[str, Any]) -> str:
    return json.dumps({"runs": [{"results": list(results)}]}, indent=2)


def result(text: str, *places: dict[str, Any], related: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"message": {"text": text}, "locations": places, "relatedLocations": related or []}


def test_a_problem_is_at_the_place_in_the_users_own_file() -> None:
    schema, own = place("/srv/copy/provisioning/server.k", 40), place("/srv/copy/infra/parts/a.k")
    for found in (result("wrong", own, related=[schema]), result("wrong", schema, related=[own])):
        assert problems_in(report(found), COPY) == [Problem("wrong", "parts/a.k", 2, 3)]
    assert problems_in(report(result("wrong", schema)), COPY) == [
        Problem("wrong", "provisioning/server.k", 40, 3)
    ]


def test_all_reports_are_read_and_hints_without_a_place_are_left_out() -> None:
    own, nowhere = place("/srv/copy/infra/config.k"), place("", 0)
    text = f"printed {report(result('a', own), result('hint', nowhere))}\n{report(result('b', own))}\n"
    assert [problem.text for problem in problems_in(text, COPY)] == ["a", "b"]
    assert problems_in(report(result("hint", nowhere)), COPY) == [Problem("hint")]


@pytest.mark.parametrize(
    "text", ["{", '{"runs": 1}', '{"runs": [{"results": [{"message": "x"}]}]}', "[]", ""]
)
def test_a_report_that_is_none_is_told_as_it_is(text: str) -> None:
    assert problems_in(text, COPY) == [Problem(text or "KCL gives no reason")]
    assert problems_in("\x1b[1;31mno\x1b[0m file '/srv/copy/infra/a.k'", COPY) == [Problem("no file 'a.k'")]


@pytest.mark.parametrize(
    ("copy", "text", "told"),
    [
        ("/srv/copy", "/srv/copy/infra/a.k in /srv/copy/infra", "a.k in ."),
        ("/srv/copy", "/srv/copy/provisioning/x.k", "provisioning/x.k"),
        ("/srv/copy", "/srv/copy/infrastructure", "infrastructure"),
        ("/", "/infra/a.k in /infra", "a.k in ."),
        ("/", "/srv/infra/a.k /infrastructure", "/srv/infra/a.k /infrastructure"),
    ],
)
def test_where_the_copy_lies_is_not_told(copy: str, text: str, told: str) -> None:
    assert problems_in(report(result(text)), Path(copy)) == [Problem(told)]


def test_a_listing_is_one_line_of_bounded_length() -> None:
    problems = [Problem(f"a\n\tb\x1b[0m {'x' * 10_000} {n}", "config.k", n) for n in range(100)]
    text = listing([*problems, *problems])
    assert text.startswith("config.k:0:1: a b?[0m xxx")
    assert text.endswith("; and 95 more")
    assert text.isprintable()
    assert len(text) < 3000
