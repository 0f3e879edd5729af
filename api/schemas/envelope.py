"""The envelope around every answer."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class ApiResponse(BaseModel, Generic[T]):
    """A success, and what was asked for."""

    success: Literal[True] = True
    data: T


class ErrorResponse(BaseModel):
    """A failure, and what was wrong where, for a person to read."""

    success: Literal[False] = False
    error: str
    request_id: str
    """As in the header X-Request-ID."""


class RequestModel(BaseModel):
    """A body: no guessing of types, and fields that the contract does not know are let pass."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


def absent(value: object) -> bool:
    """For fields that are left out, and not null, where there is nothing to say."""
    return value is None
