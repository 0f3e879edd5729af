"""The exit codes, which are a promise to scripts: this table is what `--help` shows."""

import enum


class ExitCode(enum.IntEnum):
    meaning: str

    def __new__(cls, code: int, meaning: str) -> "ExitCode":
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "done; where it was waited for, it completed"
    REFUSED = 1, "the service refused (4xx)"
    USAGE = 2, "wrong usage, a file with mistakes, or this machine does not let it work"
    UNREACHABLE = 3, "no answer, or the service cannot do its job (5xx)"
    NOT_LOGGED_IN = 4, "not logged in (401)"
    FAILED = 5, "it was carried out and failed"
    CANCELLED = 6, "it was cancelled while it was waited for"
    INTERRUPTED = 130, "interrupted (Ctrl-C), or not confirmed; the service goes on"
    TERMINATED = 143, "ended by SIGTERM; the service goes on"


def table() -> str:
    """A line for each."""
    return "\n".join(f"{code.value} {code.meaning}" for code in ExitCode)
