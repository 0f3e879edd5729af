"""Which ports are free, and who has the others."""

import errno
import random
import socket
from collections.abc import Mapping

import psutil

from deploy.local.errors import BadSetting, PortTaken


def check_ports(wanted: Mapping[str, tuple[str, int]]) -> None:
    """Makes sure that every port can be listened on.

    Args:
        wanted: host and port under the name of the setting that decides them.

    Raises:
        BadSetting: two settings name the same port.
        PortTaken: one line for each that is taken, with its setting and, where it can be told, by whom.
    """
    seen: dict[int, str] = {}
    for setting, (_, port) in wanted.items():
        if port in seen:
            raise BadSetting(f"{seen[port]} and {setting} are both {port}; set one of them to another port")
        seen[port] = setting
    taken = [
        f"port {port} is taken{_by_whom(port)}; set {setting} to another"
        for setting, (host, port) in wanted.items()
        if not is_free(host, port)
    ]
    if taken:
        raise PortTaken("\n".join(taken))


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    Raises:
        BadSetting: the host is no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror:
        raise BadSetting(f"PROVISIONING_HOST: {host} is no address of this machine") from None
    except PermissionError:
        raise PortTaken(f"port {port} may not be listened on by this user") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise BadSetting(f"PROVISIONING_HOST: {host} is no address of this machine") from None
        return False
    return True


def free_port(avoid: frozenset[int] = frozenset(), host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, below those that the system gives to outgoing connections.

    A server that is away for a moment then finds its port again.
    """
    while True:
        port = random.randrange(20000, 32000)  # noqa: S311 - nobody has to be kept from guessing it
        if port not in avoid and is_free(host, port):
            return port


def _by_whom(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            try:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                break
    return ""
