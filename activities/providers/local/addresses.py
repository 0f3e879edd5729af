"""Loopback addresses: one for each local server of this user, whatever state directory it belongs to."""

import errno
import ipaddress
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from activities.providers.local.folder import write_private
from activities.providers.local.locks import exclusive
from workflows.domain.errors import Unavailable

_PORTS = (22, *range(2222, 2322))
_LISTEN = "0A"


class Addresses:
    """A table of who has which address, kept in `home`, which all state directories of a user share.

    A reservation lasts as long as the folder that it was made for, so that state directories which were
    simply thrown away give theirs back.
    """

    def __init__(self, home: Path) -> None:
        self._table = home / "addresses.json"
        self._lock = home / "addresses.lock"

    async def reserve(self, folder: Path) -> tuple[str, int]:
        """An address for `folder`, which must exist, and a port for SSH on it. The same one when asked again.

        Raises:
            Unavailable: all are taken.
        """
        async with exclusive(self._lock):
            table = self._valid()
            mine = next((address for address, owner in table.items() if owner == str(folder)), None)
            candidates = [mine] if mine else _free(table)
            for address in candidates:
                port = _free_port(address)
                if port is not None:
                    self._write({**table, address: str(folder)})
                    return address, port
        raise Unavailable("no loopback address with a free SSH port is left")

    async def release(self, folder: Path) -> None:
        """Gives back what `folder` has, if anything."""
        async with exclusive(self._lock):
            table = self._read()
            rest = {address: owner for address, owner in table.items() if owner != str(folder)}
            if rest != table:
                self._write(rest)

    def _read(self) -> dict[str, str]:
        try:
            table = json.loads(self._table.read_text())
        except (FileNotFoundError, ValueError):
            # Damaged by hand: what is in use still shows, because its port cannot be bound.
            return {}
        return table if isinstance(table, dict) else {}

    def _valid(self) -> dict[str, str]:
        return {address: owner for address, owner in self._read().items() if Path(owner).exists()}

    def _write(self, table: Mapping[str, str]) -> None:
        write_private(self._table, json.dumps(table, indent=0))


def _free(taken: Mapping[str, str]) -> Iterator[str]:
    """Each user starts in a block of its own, since users cannot see each other's tables."""
    block = int(ipaddress.IPv4Address(f"127.{16 + os.getuid() % 200}.0.0"))
    in_use = _listening()
    for number in range(1, 1 << 16):
        address = str(ipaddress.IPv4Address(block + number))
        if number % 256 not in (0, 255) and address not in taken and address not in in_use:
            yield address


def _listening() -> set[str]:
    """The addresses on which anybody listens, whatever the port; daemons on every address don't count."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    sockets = (line.split() for line in lines)
    return {_address(fields[1]) for fields in sockets if fields[3] == _LISTEN}


def _address(field: str) -> str:
    """From `/proc/net/tcp`: the address as a number in the machine's byte order, in hex, and the port."""
    number = int(field.partition(":")[0], 16)
    return socket.inet_ntoa(struct.pack("=I", number))


def _free_port(address: str) -> int | None:
    """The first port for SSH that can be had there; a daemon on every address may have the usual one."""
    return next((port for port in _PORTS if _can_bind(address, port)), None)


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                return False
            raise
    return True
