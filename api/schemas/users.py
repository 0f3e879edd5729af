"""Users, as admins see them. Secrets go in, and only a new TOTP secret ever comes out."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, StringConstraints
from pydantic_core import PydanticCustomError

from activities import ports
from api.schemas.envelope import RequestModel

_LONGEST_LOCAL_PART = 64

MIN_PASSWORD = 12
"""Characters. Length is what counts (NIST SP 800-63B)."""

Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,254}$")]
Password = Annotated[str, StringConstraints(min_length=MIN_PASSWORD, max_length=1024)]
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def _has_short_name(email: str) -> str:
    if email.index("@") > _LONGEST_LOCAL_PART:
        raise PydanticCustomError("email", "what is before the @ has at most 64 characters")
    return email


Email = Annotated[
    str,
    StringConstraints(pattern=rf"^{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*$", max_length=254),
    AfterValidator(_has_short_name),
]
"""As RFC 5321 has it, without quotes and in ASCII, which is what the contract's `format: email` means."""
Role = Literal["viewer", "operator", "admin"]


class CreateUserRequest(RequestModel):
    username: Username
    password: Password
    email: Email | None = None
    roles: tuple[Role, ...]


class ChangeUserRequest(RequestModel):
    """What is left out stays as it is."""

    roles: tuple[Role, ...] | None = None
    disabled: bool | None = None
    email: Email | None = None


class SetPasswordRequest(RequestModel):
    password: Password


class ConfirmMfaRequest(RequestModel):
    code: Annotated[str, StringConstraints(max_length=64)]


class User(BaseModel):
    id: str
    username: str
    email: str
    roles: tuple[str, ...]
    disabled: bool
    mfa_enabled: bool
    created_at: datetime

    @classmethod
    def of(cls, user: ports.User) -> "User":
        return cls(
            id=user.id,
            username=user.username,
            email=user.email,
            roles=user.roles,
            disabled=user.disabled,
            mfa_enabled=user.mfa_secret is not None,
            created_at=user.created_at,
        )


class MfaEnrolment(BaseModel):
    """Shown once. `uri` is what authenticator apps read as a QR code."""

    secret: str
    uri: str
