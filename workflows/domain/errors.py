"""The error tree.

ProvisioningError
├── InvalidRequest           the caller asked for something that cannot be (422)
├── NotFound                 the thing does not exist (404)
├── Conflict                 the thing exists, in another shape or by another hand (409)
├── Refused                  the provider said no: quota, credential, plan; a retry cannot help
├── ActionFailed             the action ran and did not work; a retry cannot help
└── Unavailable              a part is away or busy; a retry helps (503)

Each class says whether a retry can help. `activities/failures.py` turns the tree into Temporal failures,
`api/errors.py` into HTTP answers; nobody reads message text.
"""

from typing import ClassVar


class ProvisioningError(Exception):
    """Base of all errors whose message is meant for the operator."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(ProvisioningError):
    """The request cannot be carried out as it is written."""


class NotFound(ProvisioningError):
    """What was named does not exist."""


class Conflict(ProvisioningError):
    """What was named exists already, differently, or belongs to somebody else."""


class Refused(ProvisioningError):
    """The provider refused: unknown plan, quota, credential."""


class ActionFailed(ProvisioningError):
    """A step ran and failed on its own terms, such as a script with a non-zero exit code."""


class Unavailable(ProvisioningError):
    """A part that is needed is away or busy for now."""

    retryable: ClassVar[bool] = True
