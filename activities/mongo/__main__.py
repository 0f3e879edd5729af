"""`python -m activities.mongo save FILE` and `load FILE`: all that the database of the settings keeps.

`save` wants nothing to be under way, since what changes meanwhile would be kept by halves; `load` wants a
database in which there is nothing. For backups of a service that works, see deploy/README.md.
"""

import asyncio
import os
import sys
from pathlib import Path

from activities.mongo import dump
from activities.mongo.connection import Connection
from activities.mongo.read_model import MongoReadModel
from activities.settings import Settings, SettingsError
from workflows.domain.errors import ProvisioningError

_USAGE = "usage: python -m activities.mongo save|load FILE"


def main(arguments: list[str]) -> int:
    match arguments:
        case ["save" | "load" as what, name]:
            try:
                settings = Settings.from_environment(os.environ)
                said = asyncio.run(_run(settings, what, Path(name)))
            except (SettingsError, ProvisioningError, dump.BadDump, OSError) as error:
                sys.stderr.write(f"{error}\n")
                return 1
            sys.stdout.write(f"{said}\n")
            return 0
    sys.stderr.write(f"{_USAGE}\n")
    return 2


async def _run(settings: Settings, what: str, file: Path) -> str:
    connection = Connection(settings.mongodb_target, settings.mongodb_database)
    try:
        if what == "load":
            return f"loaded {await dump.load(connection, file)} documents from {file}"
        active = (await MongoReadModel(connection).totals()).active
        if active:
            raise dump.BadDump(f"{active} batches and tasks have not ended: wait for them, or cancel them")
        return f"saved {await dump.save(connection, file)} documents in {file}"
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
