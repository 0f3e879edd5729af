"""Times and durations, for people."""

from datetime import datetime

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age(moment: datetime, now: datetime) -> str:
    """How long ago: `12 s ago`, `3 h ago`; `in 58 min` for what is to come."""
    seconds = (now - moment).total_seconds()
    size, unit = next((one for one in _UNITS if abs(seconds) >= one[0]), _UNITS[-1])
    number = f"{int(abs(seconds) // size)} {unit}"
    return f"in {number}" if seconds < 0 else f"{number} ago"


def duration(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
