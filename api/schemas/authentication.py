"""Logging in, and staying logged in."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from api.schemas.envelope import RequestModel


class LoginRequest(RequestModel):
    """`mfa_code` is looked at where the user has a second factor."""

    username: Annotated[str, StringConstraints(max_length=255)]
    password: Annotated[str, StringConstraints(max_length=1024)]
    mfa_code: Annotated[str, StringConstraints(max_length=64)] = ""


class LoggedInUser(BaseModel):
    id: str
    username: str
    email: str
    roles: tuple[str, ...]


class LoginResponse(BaseModel):
    token: str
    expires_at: datetime
    user: LoggedInUser


class RefreshRequest(RequestModel):
    token: Annotated[str, StringConstraints(max_length=8192)]


class RefreshedToken(BaseModel):
    token: str
    expires_at: datetime
