"""How a process ends that has used Temporal's SDK."""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from activities import tracing


def end_after(main: Callable[[], int]) -> NoReturn:
    """Ends the process with what `main` returns, once everything is out that was to be said.

    Without the interpreter's own way down: a thread of the SDK may want the interpreter once more, for a call
    that was given up a moment before. Where that is on its way down already, the process hangs, or aborts.
    """
    try:
        code = main()
    except SystemExit as end:
        code = _code_of(end)
    except Exception:  # as the interpreter does with what nobody caught
        traceback.print_exc()
        code = 1
    tracing.finish()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # whoever read it may be gone
            stream.flush()
    os._exit(code)


def _code_of(end: SystemExit) -> int:
    """As the interpreter reads it: a text is said, and means 1."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1
