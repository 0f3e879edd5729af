"""KCL's reports, in SARIF, as problems with the place in the user's own file."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from activities.kcl.copying import INFRA
from activities.kcl.problems import Problem

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def problems_in(report: str, copy: Path) -> list[Problem]:
    """What a report says, in its order; where it is not SARIF, its plain text.

    Args:
        report: what KCL printed or raised.
        copy: where KCL sees the copy of the infra's folder and the schemas beside it.
    """
    try:
        found = [_problem(result, copy) for result in _results(report)]
    except (ValueError, LookupError, TypeError, AttributeError):
        found = []
    # What is without a place beside others that have one are hints about KCL's own tools.
    placed = [problem for problem in found if problem.file is not None]
    plain = _COLOURS.sub("", report).strip() or "KCL gives no reason"
    return placed or found or [Problem(_without_paths(plain, copy))]


def _results(report: str) -> Iterator[Mapping[str, Any]]:
    decoder = json.JSONDecoder()
    position = report.find("{")
    while position >= 0:
        sarif, position = decoder.raw_decode(report, position)
        for run in sarif["runs"]:
            yield from run["results"]
        position = report.find("{", position)


def _problem(result: Mapping[str, Any], copy: Path) -> Problem:
    text = _without_paths(result["message"]["text"], copy)
    locations = (*result.get("locations", ()), *result.get("relatedLocations", ()))
    places = [location["physicalLocation"] for location in locations]
    places = [place for place in places if place["artifactLocation"]["uri"]]
    if not places:
        return Problem(text)
    own = [place for place in places if Path(place["artifactLocation"]["uri"]).is_relative_to(copy / INFRA)]
    place = (own or places)[0]
    file, region = _without_paths(place["artifactLocation"]["uri"], copy), place["region"]
    return Problem(text, file, region["startLine"], region["startColumn"])


def _without_paths(text: str, copy: Path) -> str:
    """Without where the copy lies, which says nothing to whoever reads it."""
    for folder in (copy / INFRA, copy):
        if folder != Path("/"):
            # Not as a part of another path.
            text = re.sub(rf"(?<![\w./-]){re.escape(str(folder))}(/|(?![\w.-]))", _inner, text)
    return text


def _inner(found: re.Match[str]) -> str:
    return "" if found[1] else "."
