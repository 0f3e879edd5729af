"""Text that others wrote, such as what a job printed, made fit for a terminal."""

import re

from api.cli.output import printable

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])")
"""What steers terminals, by ECMA-48: colours, cursors, titles."""


def in_one_line(text: str) -> str:
    """A text of several lines where there is room for one."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip()).replace(":; ", ": ")


def cleaned(line: str) -> str:
    """One line without what would steer the terminal; of one that was overwritten, what was left to see."""
    visible = line.rstrip("\r\n").rpartition("\r")[2]
    return printable(_ESCAPES.sub("", visible).expandtabs(4))
