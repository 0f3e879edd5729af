"""`make run` with a second API process, `api-2`, at the two ports that are its arguments."""

import asyncio
import dataclasses
import os
import sys

from activities.settings import Settings
from deploy.local import parts
from deploy.local.errors import StackError
from deploy.local.run import run


def main() -> int:
    settings = Settings.from_environment(os.environ)
    port, control_center = map(int, sys.argv[1:])
    ports = {"api_port": port, "control_center_port": control_center}
    second = dataclasses.replace(parts.api(settings.model_copy(update=ports)), name="api-2")
    try:
        return asyncio.run(run(settings, [second]))
    except StackError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
