"""What a person is asked for. Questions go to the terminal or to stderr, never into the output."""

import getpass
import sys
import warnings

from api.cli.errors import WrongUsage

_LONGEST = 4096
"""Bytes read from a pipe; a password is shorter."""


def can_ask() -> bool:
    return sys.stdin.isatty()


def ask(question: str, default: str = "") -> str:
    """The answer, or the default where it is empty."""
    shown = f"{question} [{default}]: " if default else f"{question}: "
    sys.stderr.write(shown)
    sys.stderr.flush()
    return sys.stdin.readline().strip() or default


def ask_code(question: str) -> str:
    """A one-time code; empty where none was given."""
    return without_spaces(ask(question))


def without_spaces(code: str) -> str:
    """Authenticators show codes in groups."""
    return "".join(code.split())


def password(*, from_stdin: bool, new: bool = False) -> str:
    """From the pipe where that was asked for, or else typed unseen; a new one is typed twice.

    Raises:
        WrongUsage: there is none, or nobody to ask.
    """
    if from_stdin:
        return _from_pipe()
    if not can_ask():
        raise WrongUsage("no password: stdin is no terminal, so give it there with --password-stdin")
    typed = _typed("New password: " if new else "Password: ")
    if new and _typed("Once more: ") != typed:
        raise WrongUsage("the two passwords differ")
    return typed


def _from_pipe() -> str:
    try:
        piped = sys.stdin.buffer.read(_LONGEST + 1).decode()
    except UnicodeDecodeError:
        raise WrongUsage("the password on stdin is not UTF-8") from None
    # The newline is the shell's, as of `echo`; whatever else is there belongs to the password.
    piped = piped.removesuffix("\n").removesuffix("\r")
    if not piped:
        raise WrongUsage("the password on stdin is empty")
    if "\n" in piped or len(piped) > _LONGEST:
        raise WrongUsage("stdin has more than a password: send one line")
    return piped


def _typed(question: str) -> str:
    try:
        with warnings.catch_warnings():
            # Where the echo cannot be turned off, getpass warns and shows what is typed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            typed = getpass.getpass(question)
    except getpass.GetPassWarning:
        raise WrongUsage("this terminal would show the password: use --password-stdin") from None
    except EOFError:
        typed = ""
    if not typed:
        raise WrongUsage("no password was given")
    return typed
