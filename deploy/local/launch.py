"""Becomes another program that dies with the stack: `python launch.py PARENT PROGRAM ARGUMENT...`.

The kernel kills the program when the process PARENT, its supervisor, is gone, however that ended. The
mark stays over `exec` and does not pass to the program's own children, so local servers live on. Run as a
file, with nothing imported but the standard library: it stands before every start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"cannot be tied to the stack: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):  # it died before the mark was set
        sys.exit("the stack is gone")
    try:
        os.execv(program, [program, *arguments])  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        sys.exit(f"cannot run {program}: {error.strerror}")


if __name__ == "__main__":
    main()
