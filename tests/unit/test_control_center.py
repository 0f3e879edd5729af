"""The page's files: what is served and how, and that the libraries are the ones that were published."""

import gzip
import re
import tomllib
from pathlib import Path

import pytest

from api.control_center.assets import CONTENT_SECURITY_POLICY, FOLDER, INDEX, assets
from api.control_center.fetching import VENDOR, hashes, packages, sha256

COMPATIBLE = {"MIT", "BSD-3-Clause", "ISC", "Apache-2.0"}
ROOT = Path(__file__).parents[2]


def test_the_libraries_are_what_was_fetched() -> None:
    held = hashes()
    there = {f for f in VENDOR.rglob("*") if f.is_file() and f.parent != VENDOR}
    assert {file.relative_to(VENDOR).as_posix(): sha256(file.read_bytes()) for file in there} == held.files
    assert {f"{package.name}@{package.version}" for package in packages()} == held.packages.keys()
    assert {name for package in packages() for name in package.files} == held.files.keys()


def test_each_library_is_named_with_its_licence() -> None:
    for package in packages():
        assert package.licence in COMPATIBLE
        assert any(name.endswith("LICENSE") for name in package.files), package.name


def test_the_policy_lets_nothing_in_that_is_not_the_pages_own() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert {source for rule in CONTENT_SECURITY_POLICY.split("; ") for source in rule.split()[1:]} == {
        "'none'",
        "'self'",
    }
    page = assets()[INDEX].content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page)


def test_what_the_page_asks_for_is_there() -> None:
    files = assets()
    page = files[INDEX].content.decode()
    asked = re.findall(r'(?:href|src)="control-center/([^"]+)"', page)
    for name, asset in files.items():
        if name.startswith("page/modules/"):
            named = re.findall(r'(?:from|import\() ?"([^"]+)"|new URL\("([^"]+)"', asset.content.decode())
            place = (FOLDER / name).parent
            asked += [
                str((place / (one or other)).resolve().relative_to(FOLDER))
                for one, other in named
                if (one or other).startswith(".") or (one or other).endswith(".js")
            ]
    assert len(asked) > 20
    assert set(asked) - files.keys() == set()


@pytest.mark.parametrize("encodings", ["gzip, deflate, br", ""])
def test_a_file_is_sent_once_and_packed_where_the_browser_unpacks_it(encodings: str) -> None:
    asset = assets()["page/modules/main.js"]
    answer = asset.answer("", encodings)
    body = gzip.decompress(bytes(answer.body)) if encodings else bytes(answer.body)
    assert body == asset.content
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    again = asset.answer(f'"other", {answer.headers["etag"]}', encodings)
    assert (again.status_code, again.body) == (304, b"")


def test_its_modules_are_short() -> None:
    lines = {name: asset.content.count(b"\n") for name, asset in assets().items() if name.startswith("page/")}
    assert {name: number for name, number in lines.items() if number > 260} == {}


def test_the_tests_browser_is_driven_by_a_dependency_of_the_tests_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert not any("playwright" in one for one in project["project"]["dependencies"])
    assert any("playwright" in one for one in project["dependency-groups"]["dev"])


def test_each_section_and_the_settings_of_the_page_are_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    routes = assets()["page/modules/routes.js"].content.decode()
    sections = re.findall(r'\["(?:\w+)", "([A-Z]\w+)"\]', routes)
    assert len(sections) == 8
    assert [name for name in sections if f"- **{name}:**" not in readme] == []
    assert "`CONTROL_CENTER_PORT`" in readme
