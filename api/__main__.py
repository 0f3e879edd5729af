"""Serves the API on both of the contract's ports: `python -m api`."""

import logging
import os
import signal
import socket
import sys
from types import FrameType

import uvicorn

from activities.settings import Settings, SettingsError
from api.app import create_app

_BACKLOG = 2048
_GRACE = 3
"""Seconds that requests under way get at a stop."""


def main() -> int:
    """Runs until SIGTERM or SIGINT. Returns the exit code: 2 for settings or ports that cannot be used."""
    try:
        settings = Settings.from_environment(os.environ)
        app = create_app(settings)
        sockets = [_listen(settings.host, port) for port in _ports(settings)]
    except (SettingsError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        # The middleware writes a line with the request's id, and without its query.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        # Whoever puts a proxy in front says so; otherwise a client could choose its own address.
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
    )
    # The server ends in order and then raises its signal once more, for whoever was to have it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    uvicorn.Server(config).run(sockets=sockets)
    return 0


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _ports(settings: Settings) -> list[int]:
    return list(dict.fromkeys((settings.api_port, settings.control_center_port)))


def _listen(host: str, port: int) -> socket.socket:
    """Raises OSError, with the port in its text, where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once: two that only bind do not notice each other.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen at {host}:{port}: {error.strerror}") from error
    return listener


if __name__ == "__main__":
    sys.exit(main())
