"""The embedded SurrealDB as a process of its own: `python -m activities.snapshots.surrealdb_server`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from activities.snapshots.surrealdb.access import USERNAME, embedded_secret
from activities.snapshots.surrealdb_server.engine import Engine
from activities.snapshots.surrealdb_server.ownership import Taken, take
from activities.snapshots.surrealdb_server.serving import Door


async def run(state_dir: Path, port: int, namespace: str, database: str) -> None:
    """Serves until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    engine = Engine(state_dir / "surrealdb", namespace, database)
    await engine.open()
    try:
        server = await Door(engine, USERNAME, embedded_secret(state_dir)).open(port)
        async with server:
            sys.stdout.write(f"surrealdb listening on 127.0.0.1:{port}\n")
            sys.stdout.flush()
            await stopping.wait()
    finally:
        await engine.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m activities.snapshots.surrealdb_server")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--namespace", default="provisioning")
    parser.add_argument("--database", default="provisioning")
    wanted = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    os.umask(0o077)
    try:
        take(wanted.state_dir)
        asyncio.run(run(wanted.state_dir, wanted.port, wanted.namespace, wanted.database))
    except (Taken, OSError, RuntimeError) as error:
        sys.stderr.write(f"the embedded SurrealDB cannot start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
