"""`provisioning`, also as `python -m api.cli`."""

import io
import sys

from api.cli.app import app
from api.cli.errors import CommandFailed
from api.cli.output import complain


def main() -> int:
    """Runs the command of sys.argv. Returns the exit code, or raises SystemExit with it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name may have characters that the encoding of whoever reads has not.
        sys.stdout.reconfigure(errors="replace")
    try:
        app(prog_name="provisioning")
    except CommandFailed as failure:
        complain(str(failure))
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
