"""The order of the test files: each folder's are spread evenly over the run, and the quick ones are last.

Some folders compute and some wait, so that two files at the same time are better company for each other where
they are of different folders; and whoever is done first finds something small to do at the end.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

_QUICK = "unit"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of one file stay together, in their order."""
    places = {file: place for place, file in enumerate(spread([item.path for item in items]))}
    items.sort(key=lambda item: places[item.path])


def spread(files: Sequence[Path]) -> list[Path]:
    """Each file once. A folder's stay in their order."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for file in dict.fromkeys(files):
        folders[file.parent].append(file)
    shares = {
        file: (file.parent.name == _QUICK, (number + 0.5) / len(folder))
        for folder in folders.values()
        for number, file in enumerate(folder)
    }
    return sorted(shares, key=lambda file: shares[file])
