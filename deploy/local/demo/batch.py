"""The example batches that the demo shows."""

import json
from pathlib import Path

from pydantic import JsonValue

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

DEMO = EXAMPLES / "demo.json"
SECOND = EXAMPLES / "second.json"
"""For what a person may try afterwards."""


def read_batch(path: Path) -> dict[str, JsonValue]:
    batch: dict[str, JsonValue] = json.loads(path.read_text())
    return batch
