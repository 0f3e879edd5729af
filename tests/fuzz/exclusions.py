"""What the fuzzer may not hold against the service, each with its reason. Everything else counts."""

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

WITH_THE_CONTRACT: Mapping[str, str] = {
    "status_code_conformance": "the contract names few statuses: no 401, 409 or 422 for most operations",
    "positive_data_acceptance": "a schema cannot say that an infra, a provider or a task must exist",
}
"""Checks that are left out where the contract file itself is the schema. With the served document: none."""


class Refusal(NamedTuple):
    """An operation that may answer 422 to what its schema allows."""

    name: str
    reason: str


REFUSALS = (
    Refusal("GET /audit", "`since` is not after `until`, which a schema cannot say of two parameters"),
    Refusal("POST /users", "what is before the @ of an email is short, which its pattern cannot say"),
    Refusal("PATCH /users/{username}", "the last admin stays one, and its email as above"),
    Refusal("POST /users/{username}/mfa/confirm", "the code must be the one that is shown now"),
    Refusal(
        "POST /batch/execute",
        "providers, plans and task services must exist, ids be unique, dependencies make no circle",
    ),
    Refusal("POST /workflows/servers/create", "the infra and its settings file must exist"),
    Refusal(
        "POST /workflows/taskserv/create", "the infra, its settings file and the task service must exist"
    ),
    Refusal("POST /workflows/cluster/create", "the infra and its settings file must exist"),
    Refusal("POST /codec/decode", "what says that it is sealed or compressed must be so"),
)
"""Of these, `positive_data_acceptance` takes a 422 too; every other check holds for them as well."""


def is_unstorable(value: object) -> bool:
    """Control characters and integers beyond 64 bits are refused wherever they stand in a body, and a schema
    cannot say it of fields that it does not know. So a 422 to such a body is none of the failures of
    `positive_data_acceptance`; every other check holds for it as well.
    """
    match value:
        case str():
            return any(unicodedata.category(c) == "Cc" and c not in "\t\n\r" for c in value)
        case int():
            return abs(value) >= 2**63
        case dict():
            return any(map(is_unstorable, value)) or any(map(is_unstorable, value.values()))
        case list():
            return any(map(is_unstorable, value))
    return False


WITHOUT_HTTP = {
    "GET /ws": "a WebSocket: over plain HTTP it has nothing but 426, which tests/e2e holds it to",
}
"""Operations that are not called."""
