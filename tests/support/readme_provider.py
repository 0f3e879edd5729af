"""The provider that README shows, put together and registered as the text there says."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activities.provider_ports import ServerProvider
from activities.providers.registry import build_providers
from activities.settings import Settings

README = Path(__file__).parents[2] / "README.md"
SECTION = re.search(r"\n(### A provider of your own\n.*?)\n### ", README.read_text(), re.S)
assert SECTION is not None
LINES = SECTION[1].rstrip("\n").split("\n")

PLANS, MACHINES = ("small", "large"), 9


def _written(pattern: str) -> str:
    found = re.search(pattern, "\n".join(LINES), re.S)
    assert found is not None
    return found[1]


@contextmanager
def shed(folder: Path) -> Iterator[ServerProvider]:
    """The provider, from its package in `folder`, with machines of two plans in `folder/machines`."""
    registration = _written(r'`(\w+ = "\w+:\w+)"`').replace('"', "")
    module = registration.partition(" ")[0]
    (folder / f"{module}.py").write_text(_written(r"```python\n(.*?)```"))
    distribution = folder / f"{module}-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    group = _written(r'\[project\.entry-points\."([\w.]+)"]')
    (distribution / "entry_points.txt").write_text(f"[{group}]\n{registration}\n")
    for plan in PLANS:
        (folder / "machines" / plan).mkdir(parents=True)
        for number in range(MACHINES):
            host = f"{plan}-{number}.example"
            text = f'{{"host": "{host}", "port": 22, "user": "root"}}'
            (folder / "machines" / plan / f"{number}.json").write_text(text)
    os.environ["SHED"] = str(folder / "machines")
    sys.path.insert(0, str(folder))
    try:
        settings = Settings(state_dir=folder / "state", local_isolation="off")
        yield build_providers(settings).get(module)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(module, None)
        del os.environ["SHED"]


def taken(folder: Path) -> list[str]:
    """What it knows of servers that exist."""
    return [path.name for path in (folder / "machines").glob("*/*.taken")]
