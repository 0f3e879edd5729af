"""What goes wrong, for a person to read. Each has the exit code that scripts go by.

CommandFailed
├── Refused                 the service says no (4xx)
├── WrongUsage              the command was called wrongly, or this machine does not let it work
├── Unreachable             there is no answer, or the service cannot do its job (5xx)
│   └── OutcomeUnknown      the answer was lost
│       └── StillWorking    there is none yet
├── NotLoggedIn             nobody is logged in, or the service does not accept who is (401)
└── Failed                  it was carried out, and not all is well
"""

from typing import ClassVar

from api.cli.exit_codes import ExitCode


class CommandFailed(Exception):
    """Ends the command. Its text goes to stderr, so it never holds a secret."""

    exit_code: ClassVar[ExitCode]


class Refused(CommandFailed):
    """The service says no (4xx)."""

    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class WrongUsage(CommandFailed):
    """The command was called wrongly, or this machine does not let it work."""

    exit_code = ExitCode.USAGE


class Unreachable(CommandFailed):
    """There is no answer, or the service could not do its job (5xx)."""

    exit_code = ExitCode.UNREACHABLE


class OutcomeUnknown(Unreachable):
    """The request was sent, and its answer was lost."""


class StillWorking(OutcomeUnknown):
    """The request was sent, and not answered in time."""


class NotLoggedIn(CommandFailed):
    """Nobody is logged in, or the service does not accept who is (401)."""

    exit_code = ExitCode.NOT_LOGGED_IN


class Failed(CommandFailed):
    """It was carried out, and not all is well."""

    exit_code = ExitCode.FAILED
