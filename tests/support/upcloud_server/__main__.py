"""Runs it: `python -m tests.support.upcloud_server --port N`, with the credentials in the environment."""

import argparse
import os
import sys

import uvicorn

from tests.support.upcloud_server.app import Account, create_app
from tests.support.upcloud_server.cloud import Cloud
from tests.support.upcloud_server.machines import Machines


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ssh-port", type=int, required=True, help="at the servers' own addresses")
    parser.add_argument("--block", type=int, default=0, help="which 250 of the loopback addresses to use")
    parser.add_argument("--second", type=float, default=0.05, help="how long a second of its clock takes")
    parser.add_argument("--changes", default="0.05-0.15", help="how long a change of state takes, in seconds")
    arguments = parser.parse_args()
    shortest, _, longest = arguments.changes.partition("-")
    machines = Machines(arguments.block, arguments.ssh_port)
    cloud = Cloud(machines, arguments.second, (float(shortest), float(longest or shortest)))
    account = Account(*(os.environ[f"UPCLOUD_TEST_{name}"] for name in ("TOKEN", "USERNAME", "PASSWORD")))
    app = create_app(cloud, machines, account)
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning", timeout_graceful_shutdown=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
