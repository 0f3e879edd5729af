"""Files of variables, as Compose and Kubernetes read them."""

from collections.abc import Mapping
from pathlib import Path


def variables(path: Path) -> Mapping[str, str]:
    """Name and value of each line that is no comment; a name that stands twice is a failed test."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        assert separator and name.isidentifier(), line
        assert name not in found, name
        found[name] = value
    return found
