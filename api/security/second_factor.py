"""Time-based one-time passwords (RFC 6238): secrets, their QR text, and codes that work once."""

import secrets
import time
from collections.abc import Callable

import pyotp

ISSUER = "Provisioning"
STEP = 30
"""Seconds for which a code is shown."""
DRIFT = 1
"""Steps that a clock may be early or late."""


def new_secret() -> str:
    return pyotp.random_base32()


def provisioning_uri(secret: str, username: str) -> str:
    """What an authenticator app reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def step_of(secret: str, code: str, after: int, clock: Callable[[], float] = time.time) -> int | None:
    """The time step whose code this is; None for none near now, or none later than the step `after`."""
    totp = pyotp.TOTP(secret)
    now = int(clock()) // STEP
    if not (code.isascii() and code.isdigit()):
        return None
    fitting = [
        step
        for step in range(now - DRIFT, now + DRIFT + 1)
        if secrets.compare_digest(totp.generate_otp(step), code)
    ]
    return next((step for step in fitting if step > after), None)
