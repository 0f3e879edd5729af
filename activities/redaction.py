"""Takes secrets out of text before it is written down: those that are known, and what looks like one."""

import re
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from activities.settings import Settings

MASK = "***"

_SHORTEST = 4
"""Characters from which on a known secret is looked for: a shorter one is in every other word."""

# Anybody may send a path, which is logged. So each begins where a word does, since trying each of its letters
# takes a time that grows with the square of their number. And no character may be read in two ways.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), MASK),
    (re.compile(r"\beyJ[\w-]+(\.[\w-]+)*"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (
        re.compile(r"(?i)(?<![\w-])([\w-]*(?:token|password|passwd|secret|mfa_code))=[^\s&\"',;)}\]]+"),
        rf"\1={MASK}",
    ),
    # `"password": "..."` of JSON and of a dict's repr.
    (
        re.compile(
            r"""(?i)(["'][\w-]*(?:token|password|passwd|secret)["']\s*:\s*)(["'])(?:\\.|(?!\2)[^\\\n])*\2?"""
        ),
        rf"\1\2{MASK}\2",
    ),
    (re.compile(r"\b(\w+://)[^\s/@:]*:[^\s/@]+@"), rf"\1{MASK}@"),
)


class Redaction:
    """Knows the secrets of one process."""

    def __init__(self, secrets: set[str]) -> None:
        # The longest first: one may be a part of another.
        known = sorted((s for s in secrets if len(s) >= _SHORTEST), key=lambda s: (-len(s), s))
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    @classmethod
    def of(cls, settings: Settings) -> "Redaction":
        """Knows every secret setting, its parts where it is a list, and the password in a URI."""
        found: set[str] = set()
        for _, value in settings:
            if isinstance(value, SecretStr):
                found |= _parts(value.get_secret_value())
        return cls(found)

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def value(self, value: object) -> object:
        """The same for all texts in a structure."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {key: self.value(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.value(inner) for inner in value]
            case _:
                return value


def _parts(secret: str) -> set[str]:
    found = {secret, *(part.strip() for part in secret.split(","))}
    if "://" in secret:
        try:
            password = urlsplit(secret).password
        except ValueError:
            password = None
        if password:
            found |= {password, unquote(password)}
    return found
