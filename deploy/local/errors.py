"""Why the embedded stack cannot start: one clear line each, and an exit code.

StackError          1
|-- BadSetting      2   a setting that cannot be used
|-- PortTaken       3   somebody else listens there
|-- AlreadyRunning  4   another stack has this state directory
|-- NotInstalled    5   a program that the stack needs is missing
|-- BadStateDir     6   the state directory cannot be used
|-- DoesNotStart    7   a part of the stack ends again and again
`-- DemoFailed      8   the stack runs, and the demo's batch did not succeed
"""


class StackError(Exception):
    """The message is for the person at the terminal."""

    exit_code = 1


class BadSetting(StackError):
    exit_code = 2


class PortTaken(StackError):
    exit_code = 3


class AlreadyRunning(StackError):
    exit_code = 4


class NotInstalled(StackError):
    exit_code = 5


class BadStateDir(StackError):
    exit_code = 6


class DoesNotStart(StackError):
    exit_code = 7


class DemoFailed(StackError):
    exit_code = 8
