"""The one table from UpCloud's error codes to our errors.

Nobody branches on an error's text: what UpCloud said goes to the operator, in its own words.
"""

from collections.abc import Mapping

from workflows.domain.errors import NotFound, ProvisioningError, Refused, Unavailable

_BY_CODE: Mapping[str, type[ProvisioningError]] = {
    "SERVER_NOT_FOUND": NotFound,
    "SERVER_INVALID": NotFound,  # no UUID, so no server has it
    # It is in another state than the call needs, which passes.
    "SERVER_STATE_ILLEGAL": Unavailable,
    "STORAGE_STATE_ILLEGAL": Unavailable,
    "STORAGE_IN_USE": Unavailable,
    # The zone is full for now, or too much is being created at once.
    "SERVER_RESOURCES_UNAVAILABLE": Unavailable,
    "STORAGE_RESOURCES_UNAVAILABLE": Unavailable,
    "IP_ADDRESS_RESOURCES_UNAVAILABLE": Unavailable,
    "SERVER_CREATING_LIMIT_REACHED": Unavailable,
    "SERVICE_ERROR": Unavailable,
}
"""Codes that mean something else than their status says."""

_PASSING = frozenset({408, 425, 429})
"""The statuses below 500 with which a retry helps; any other is a refusal: credentials, plan, zone, quota."""


def failure(status: int, code: str, words: str) -> ProvisioningError:
    """What an answer with an error status means; `code` is UpCloud's, empty where there is none."""
    by_status = Unavailable if status >= 500 or status in _PASSING else Refused
    said = words or "no reason given"
    return _BY_CODE.get(code, by_status)(f"UpCloud: {said} ({code or f'HTTP {status}'})")
