"""Imports that are refused before KCL sees them."""

import re
from collections.abc import Iterator
from pathlib import Path

from activities.kcl.problems import Problem

_IMPORT = re.compile(r"\bimport[\s\\]+(?P<module>file|kcl_plugin)\b")
"""Rather too much than too little: it may stand in a string, and be told so."""

_WHY = {
    "file": "KCL's file module is not available, since this machine cannot confine it to the infra's folder",
    "kcl_plugin": "plugins are not available",
}


def refused_imports(folder: Path, *, files_are_held: bool) -> Iterator[Problem]:
    """Imports of what runs outside of KCL, in all files of the folder.

    Args:
        folder: a copy of an infra's folder.
        files_are_held: the kernel lets nothing outside the copy be opened.
    """
    for path in sorted(folder.rglob("*.k")):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for found in _IMPORT.finditer(text):
            if found["module"] == "file" and files_are_held:
                continue
            line = text.count("\n", 0, found.start()) + 1
            column = found.start() - text.rfind("\n", 0, found.start())
            yield Problem(_WHY[found["module"]], str(path.relative_to(folder)), line, column)
