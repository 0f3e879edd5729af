"""The one table from what AWS answers to our errors, by error code; the words stay AWS's own."""

import contextlib
from collections.abc import Callable, Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from workflows.domain.errors import ProvisioningError, Refused, Unavailable

_RETRYABLE = {
    # Too many requests, or too many at once.
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "RequestThrottled",
    "RequestThrottledException",
    "EC2ThrottledException",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "RequestTimeout",
    # There is none left at the moment.
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientAddressCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientVolumeCapacity",
    "InsufficientCapacityOnHost",
    # Something is on its way from one state to another, or made so lately that not everybody knows it yet.
    "IncorrectInstanceState",
    "IncorrectState",
    "DependencyViolation",
    "VolumeInUse",
    "IdempotentParameterMismatch",
    "InvalidInstanceID.NotFound",
    "InvalidGroup.NotFound",
    "InvalidKeyPair.NotFound",
}
"""Codes with which a retry can help. A status of 5xx or 429 says so too; all else is a refusal."""

_LOST_ON_THE_WAY = (
    BotoConnectionError,
    HTTPClientError,
    ResponseParserError,
    CredentialRetrievalError,
    MetadataRetrievalError,
)
"""Nobody, or nobody who speaks AWS's language, has answered."""


def code_of(error: BaseException | None) -> str:
    """AWS's code, where the error or what it was raised from is an answer of AWS; else an empty text."""
    while error is not None and not isinstance(error, ClientError):
        error = error.__cause__
    return str(error.response["Error"].get("Code", "")) if error is not None else ""


@contextlib.contextmanager
def as_our_errors(mask: Callable[[str], str]) -> Iterator[None]:
    """Turns boto's errors into ours. `mask` takes secrets out of a text."""
    try:
        yield
    except ClientError as error:
        raise _answered(error, mask) from error
    except _LOST_ON_THE_WAY as error:
        # Its text names addresses and proxies, which are for the log.
        raise Unavailable(f"AWS cannot be reached ({type(error).__name__})") from error
    except BotoCoreError as error:
        raise Refused(f"AWS cannot be asked: {mask(str(error))}") from error


def _answered(error: ClientError, mask: Callable[[str], str]) -> ProvisioningError:
    told = error.response["Error"]
    code = str(told.get("Code", "unknown"))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = f"AWS: {mask(str(told.get('Message', '')).strip())} ({code})"
    retryable = code in _RETRYABLE or status >= 500 or status == 429
    return Unavailable(text) if retryable else Refused(text)


def ended_by_itself(key: str, code: str, reason: str) -> ProvisioningError:
    """An instance that AWS has let go, with the code and the words of its state reason."""
    text = f"server {key} ended before it ran: {reason or 'no reason given'} ({code or 'no code'})"
    # `Client.` is what we asked for, but for the one that means that somebody terminated it.
    refused = code.startswith("Client.") and code != "Client.UserInitiatedShutdown"
    return Refused(text) if refused else Unavailable(text)
