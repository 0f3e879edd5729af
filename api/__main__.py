"""Serves the API on both of the contract's ports: `python -m api`."""

import logging
import os
import signal
import socket
import sys
from types import FrameType

import uvicorn

from activities import logs
from activities.process_end import end_after
from activities.settings import Settings, SettingsError
from api import request_ids
from api.app import create_app

_BACKLOG = 2048
_PING_SECONDS = 20.0
"""How often a WebSocket client is asked whether it is there, and how long it may take to answer."""

_MAX_FRAME = 64 * 1024
"""Bytes of a WebSocket message from a client. None is expected."""

_UNREAD_SECONDS = 60
"""How long a client may leave unread what was sent to it, before the system cuts the connection."""

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
    logs.configure(settings, request_ids.context)
    _keep_queries_out_of_the_log()
    config = uvicorn.Config(
        app,
        log_config=None,
        # The middleware writes a line with the request's id, and without its query.
        access_log=False,
        server_header=False,
        ws_max_size=_MAX_FRAME,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        # It would be done for each client anew, for texts that are the same for all.
        ws_per_message_deflate=False,
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


def _keep_queries_out_of_the_log() -> None:
    """The server tells of each handshake with its query, which has the token, and at DEBUG with its headers.

    The middleware writes a line without them.
    """
    server_log = logging.getLogger("uvicorn.error")
    server_log.setLevel(max(logging.INFO, server_log.getEffectiveLevel()))
    server_log.addFilter(lambda record: "WebSocket %s" not in str(record.msg))


def _ports(settings: Settings) -> list[int]:
    return list(dict.fromkeys((settings.api_port, settings.control_center_port)))


def _listen(host: str, port: int) -> socket.socket:
    """Raises OSError, with the port in its text, where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit it. Without it one whose client reads nothing would stay for ever.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_SECONDS * 1000)
    try:
        listener.bind((host, port))
        # At once: two that only bind do not notice each other.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen at {host}:{port}: {error.strerror}") from error
    return listener


if __name__ == "__main__":
    end_after(main)
