"""`python -m activities.providers.local.image`: builds the base image where new servers will be boxes."""

import asyncio
import os
import sys

from activities.providers.local.choice import Choice
from activities.settings import Settings, SettingsError
from workflows.domain.errors import ProvisioningError


async def build(settings: Settings) -> str:
    """Makes sure that the first server need not wait; says, in a line, what servers will be."""
    choice = Choice.from_settings(settings)
    isolation = choice.isolation()
    await isolation.prepare(isolation.image)
    return f"local servers: {choice}"


def main() -> int:
    try:
        print(asyncio.run(build(Settings.from_environment(os.environ))))  # noqa: T201 - a terminal program
    except (ProvisioningError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a terminal program
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
