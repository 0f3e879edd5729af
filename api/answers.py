"""Which errors an operation may answer with, beside what the contract and the additions say of it.

What comes with a role or with a kind of input has one line for all; what only one operation has stands in
`OWN`, under its name in the permission table.
"""

from collections.abc import Mapping, Set

from api.permissions import MINIMAL_ROLE

COMPONENTS: Mapping[str, str] = {
    "400": "MalformedRequest",
    "401": "Unauthenticated",
    "403": "Forbidden",
    "404": "NotFound",
    "408": "TooSlow",
    "409": "Conflict",
    "413": "TooLarge",
    "415": "UnsupportedBody",
    "422": "InvalidRequest",
    "426": "UpgradeRequired",
    "429": "TooManyAttempts",
    "503": "Unavailable",
}
"""Each error's name in `contract/additions/errors.yaml`, where it is described, and in `api/errors.py`."""

ALL = frozenset({"503"})
"""Each operation asks MongoDB or Temporal, if only for the user behind the token."""

WITH_A_ROLE = frozenset({"401", "403"})

BY_INPUT: Mapping[str, frozenset[str]] = {
    "path": frozenset({"404", "422"}),
    "query": frozenset({"422"}),
    "header": frozenset({"422"}),
    "body": frozenset({"400", "408", "413", "415", "422"}),
}

OWN: Mapping[str, frozenset[str]] = {
    "POST /auth/login": frozenset({"401", "429"}),
    "POST /users": frozenset({"409"}),
    "PATCH /users/{username}": frozenset({"409"}),
    "POST /users/{username}/mfa/confirm": frozenset({"409"}),
    "POST /batch/execute": frozenset({"409"}),
    "POST /workflows/servers/create": frozenset({"409"}),
    "POST /workflows/taskserv/create": frozenset({"409"}),
    "POST /workflows/cluster/create": frozenset({"409"}),
    "POST /batch/operations/{batchId}/cancel": frozenset({"409"}),
    "POST /tasks/{taskId}/cancel": frozenset({"409"}),
    "GET /ws": frozenset({"426", "429"}),
    "POST /rollback/checkpoints": frozenset({"409"}),
    "POST /rollback/execute": frozenset({"404", "409"}),
}


def errors_of(name: str, inputs: Set[str]) -> list[str]:
    """The statuses, as a document writes them. `name` is as in the permission table."""
    statuses = ALL.union(OWN.get(name, ()), *(BY_INPUT.get(kind, ()) for kind in inputs))
    return sorted(statuses | WITH_A_ROLE if MINIMAL_ROLE[name] is not None else statuses)
