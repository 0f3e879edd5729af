"""Loopback addresses: one for each local server of this user, whatever state directory it belongs to."""

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from activities.providers.local.folder import write_private
from activities.providers.local.locks import exclusive
from workflows.domain.errors import Unavailable

_PORTS = (22, *range(2222, 2322))
_LISTEN = "0A"
_BLOCK = 1 << 16


class _Table(BaseModel):
    owners: dict[str, str] = {}
    """Address to server's folder."""
    last: int = 0
    """The number of the address that was given last."""


class Addresses:
    """A table of who has which address, kept in `home`, which all state directories of a user share.

    A reservation lasts as long as the folder that it was made for, so that state directories which were
    simply thrown away give theirs back.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "addresses.json"
        self._lock = home / "addresses.lock"

    async def reserve(self, folder: Path) -> tuple[str, int]:
        """An address for `folder`, which must exist, and a port for SSH on it. The same one when asked again.

        Raises:
            Unavailable: all are taken.
        """
        async with exclusive(self._lock):
            table = self._read()
            owners = _still_there(table.owners)
            mine = next((address for address, owner in owners.items() if owner == str(folder)), None)
            candidates = [(table.last, mine)] if mine else _free(owners, table.last)
            for number, address in candidates:
                port = _free_port(address)
                if port is not None:
                    self._write(_Table(owners={**owners, address: str(folder)}, last=number))
                    return address, port
        raise Unavailable("no loopback address with a free SSH port is left")

    async def release(self, folder: Path) -> None:
        """Gives back what `folder` has, if anything."""
        async with exclusive(self._lock):
            table = self._read()
            rest = {address: owner for address, owner in table.owners.items() if owner != str(folder)}
            if rest != table.owners:
                self._write(_Table(owners=rest, last=table.last))

    def _read(self) -> _Table:
        try:
            return _Table.model_validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            # Damaged by hand: what is in use still shows, because somebody listens there.
            return _Table()

    def _write(self, table: _Table) -> None:
        write_private(self._path, table.model_dump_json(indent=0))


def _still_there(owners: Mapping[str, str]) -> dict[str, str]:
    return {address: owner for address, owner in owners.items() if Path(owner).exists()}


def _free(taken: Mapping[str, str], last: int) -> Iterator[tuple[int, str]]:
    """Free addresses and their numbers, beginning after the last one that was given.

    So an address rests before it is given again: connections to the old server's ports have timed out, and
    nobody takes the new one for it. Each user has a block of addresses, since users cannot see each
    other's tables.
    """
    block = int(ipaddress.IPv4Address(f"127.{16 + os.getuid() % 200}.0.0"))
    in_use = _listening()
    for step in range(1, _BLOCK):
        number = (last + step) % _BLOCK
        address = str(ipaddress.IPv4Address(block + number))
        if number % 256 not in (0, 255) and address not in taken and address not in in_use:
            yield number, address


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
