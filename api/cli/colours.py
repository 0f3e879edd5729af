"""The colours of the command line.

They say nothing that the words beside them do not say, and are told from a black background as well as from
a white one: each has a contrast of at least 3.8 to both (WCAG 2 asks for 3 of large text, and of graphics).
"""

from rich.style import Style

BLUE = "#0087af"
GREEN = "#008700"
RED = "#d70000"
ORANGE = "#af5f00"
GREY = "#757575"

ALL = (GREY, BLUE, GREEN, RED, ORANGE)

_OF_STATUS = {
    "Running": BLUE,
    "Completed": GREEN,
    "Failed": RED,
    "Cancelled": ORANGE,
    "Healthy": GREEN,
    "Unreachable": RED,
}


def of_status(status: str) -> Style:
    """The style of a status word; none for one without a colour."""
    colour = _OF_STATUS.get(status)
    return Style(color=colour) if colour else Style.null()
