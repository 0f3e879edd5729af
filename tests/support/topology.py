"""How many processes of each kind a stack under test has.

`TEST_TOPOLOGY=wide` starts two API processes and four workers on one Temporal and one MongoDB: requests go to
the API processes in turn, and what a test kills is one of several. `TEST_TOPOLOGY=narrow` starts one of each,
as `make run` does. Without it each test has its own way, which is narrow where it does not say otherwise.
"""

import os
from typing import NamedTuple


class Topology(NamedTuple):
    apis: int
    workers: int


NARROW = Topology(apis=1, workers=1)
WIDE = Topology(apis=2, workers=4)

_NAMES = {"narrow": NARROW, "wide": WIDE}


def chosen(by_itself: Topology = NARROW) -> Topology:
    """What `TEST_TOPOLOGY` says; where it says nothing, what the test has by itself."""
    name = os.environ.get("TEST_TOPOLOGY", "")
    if name and name not in _NAMES:
        raise ValueError(f"TEST_TOPOLOGY is {name!r}, and not one of {', '.join(_NAMES)}")
    return _NAMES.get(name, by_itself)
