"""What a stack has made in the world, so that before and after can be compared; and batches over HTTP."""

import asyncio
import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.stack import Stack, eventually

ROUNDS = int(os.environ.get("TEST_ROUNDS", "0"))
"""How often the fault tests repeat themselves; 0 for the few rounds of everyday. 20 is the whole promise."""

_MEMORY = tuple(f"var/lib/provisioning/{name}" for name in ("jobs", "actions", "touched", "taskservs.lock"))
"""Where a server remembers what was done on it. It keeps that for some days, undone or not."""

_ADDRESS = re.compile(r"127(?:\.\d+){3}")

_OVERLAY = ("work", "mnt")
"""The file system's own folders of a box."""

Lines = tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What a stack keeps outside of its databases, and its inventory. Each a sorted list of lines."""

    processes: Lines
    """Server and command of each process of a local server, but for those that serve an SSH connection."""
    files: Lines
    """Files and folders of the local servers."""
    ports: Lines
    """`address:port` on which a local server listens."""
    reservations: Lines
    mounts: Lines
    inventory: Lines

    @classmethod
    async def observe(cls, stack: Stack) -> "World":
        """The world as it is now."""
        servers = stack.state_dir.resolve() / "servers"
        owned = dict(_processes(servers))
        reserved = _reservations(stack, servers)
        return cls(
            processes=_sorted(f"{name}: {command}" for name, command in owned.values() if command),
            files=_sorted(_files(servers)),
            ports=_sorted(_ports(set(owned), set(reserved))),
            reservations=_sorted(f"{address} {folder}" for address, folder in reserved.items()),
            mounts=_sorted(line for line in _mounts() if str(servers) in line),
            inventory=_sorted(
                json.dumps(item, sort_keys=True) for item in await answer(stack, "/inventory/servers")
            ),
        )

    def since(self, before: "World") -> list[str]:
        """What has come (+) and gone (-) since `before`; empty where nothing has changed."""
        found = []
        for field in fields(self):
            now, then = Counter(getattr(self, field.name)), Counter(getattr(before, field.name))
            found += [f"+ {field.name}: {line}" for line in (now - then).elements()]
            found += [f"- {field.name}: {line}" for line in (then - now).elements()]
        return found

    def wherever(self) -> "World":
        """With names for addresses, and without who made a server: what came back is at another place."""
        places = {}
        for line in self.reservations:
            address, _, folder = line.partition(" ")
            places[address] = "/".join(Path(folder).parts[-2:])

        def named(lines: Lines) -> Lines:
            return _sorted(_ADDRESS.sub(lambda found: places.get(found[0], found[0]), line) for line in lines)

        servers = [json.loads(line) for line in self.inventory]
        unmade = tuple(json.dumps(server | {"task_id": ""}, sort_keys=True) for server in servers)
        fields_now = {field.name: getattr(self, field.name) for field in fields(self)} | {"inventory": unmade}
        return World(**{name: named(lines) for name, lines in fields_now.items()})

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, field.name) for field in fields(self))


def _sorted(lines: Iterator[str]) -> Lines:
    return tuple(sorted(lines))


def _processes(servers: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    """The local servers' processes: their server, and their command ("" for one that serves a connection)."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            server = _server_of(process, servers)
            if server is not None and process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid, (server, _command(process))


def _server_of(process: psutil.Process, servers: Path) -> str | None:
    """By the file system that the process sees, or by its environment, its place or its arguments."""
    with contextlib.suppress(PermissionError):
        proc = Path(f"/proc/{process.pid}")
        if (proc / "ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink():
            return _first((proc / "mountinfo").read_text(errors="replace"), servers)
        places = [process.cwd(), process.environ().get("PROVISIONING_SERVER_ROOT", "")]
        return _first("\n".join([*places, *process.cmdline()]), servers)
    return None


def _first(text: str, servers: Path) -> str | None:
    """`infra/name` of the first path of a server in `text`."""
    _, found, rest = text.partition(f"{servers}/")
    return "/".join(rest.split("\n", 1)[0].replace(",", "/").split("/")[:2]) if found else None


def _command(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    if not words.startswith("sshd: "):
        # The last is what sshd starts for a connection that has not told yet who it is.
        return "" if words.startswith("/usr/sbin/sshd ") and words.endswith(" -R") else words
    # sshd writes into its name how many connections are just coming in.
    return "sshd" if "[listener]" in words else ""


def _files(servers: Path) -> Iterator[str]:
    for folder, names, files in os.walk(servers):
        here = Path(folder).relative_to(servers)
        parts = here.parts
        names[:] = [name for name in names if not _is_memory([*parts, name])]
        for name in (*names, *files):
            if not _is_memory([*parts, name]):
                yield str(here / name)


def _is_memory(parts: list[str]) -> bool:
    """Of `infra/name/...`: what is no part of a server's own state."""
    inside = parts[2:]
    return inside[:1] in ([name] for name in _OVERLAY) or "/".join(inside[1:]) in _MEMORY


def _ports(owners: set[int], addresses: set[str]) -> Iterator[str]:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            address, port = connection.laddr
            if connection.pid in owners or address in addresses:
                yield f"{address}:{port}"


def _reservations(stack: Stack, servers: Path) -> dict[str, str]:
    """Address to folder, of this stack's servers alone: all stacks of a user share one table."""
    table = stack.settings.cache_dir.expanduser() / "addresses.json"
    owners = json.loads(table.read_text())["owners"] if table.exists() else {}
    return {address: folder for address, folder in owners.items() if folder.startswith(f"{servers}/")}


def _mounts() -> list[str]:
    return Path("/proc/self/mounts").read_text(errors="replace").splitlines()


async def answer(stack: Stack, path: str, **query: Any) -> Any:
    """The data of a GET, however often what answers it is away meanwhile."""
    async with asyncio.timeout(120):
        while True:
            with contextlib.suppress(httpx.TransportError):
                got = await stack.http.get(path, params=query)
                if got.status_code == 200:
                    return got.json()["data"]
                assert got.status_code == 503, got.text
            await asyncio.sleep(0.2)


def operation(name: str, needs: list[str], infra: str, **config: Any) -> dict[str, Any]:
    """A node of a batch: with `taskservs` in its config task services, or else servers."""
    return {
        "id": name,
        "type": "taskserv_batch" if "taskservs" in config else "server_batch",
        "provider": "local",
        "dependencies": needs,
        "config": {"infra": infra, **config},
    }


def server(name: str, plan: str = "1xCPU-1GB") -> dict[str, str]:
    return {"name": name, "plan": plan, "zone": "local"}


def taskserv(name: str, **params: Any) -> dict[str, Any]:
    return {"name": name, "params": params}


async def submit(stack: Stack, operations: list[dict[str, Any]], **more: Any) -> str:
    """Starts a batch; its id. `more` are further fields of the request."""
    body = {"name": "a batch", "operations": operations} | more
    accepted = await stack.http.post("/batch/execute", json=body)
    assert accepted.status_code == 200, accepted.text
    return str(accepted.json()["data"]["batch_id"])


async def ended(stack: Stack, batch_id: str, within: float = 300) -> Any:
    """The batch once it has ended; a TimeoutError after `within` seconds."""
    state: Any = {}

    async def has_ended() -> bool:
        nonlocal state
        state = await answer(stack, f"/batch/operations/{batch_id}")
        return bool(state["status"] != "Running")

    await eventually(has_ended, within, every=0.2)
    return state


async def completed(stack: Stack, operations: list[dict[str, Any]], within: float = 300, **more: Any) -> Any:
    """Runs a batch that must succeed."""
    batch = await ended(stack, await submit(stack, operations, **more), within)
    assert batch["status"] == "Completed", batch
    return batch


async def tasks(stack: Stack, batch_id: str) -> dict[str, Any]:
    """The tasks of a batch, by their operations."""
    batch = await answer(stack, f"/batch/operations/{batch_id}")
    return {o["id"]: await answer(stack, f"/tasks/{o['task_id']}") for o in batch["operations"]}


async def delete_servers(stack: Stack, infra: str) -> None:
    """Deletes all servers of an infra, as an operator would."""
    names = [{"name": item["name"]} for item in await answer(stack, "/inventory/servers", infra=infra)]
    if names:
        await completed(stack, [operation("away", [], infra, operation="delete", server_configs=names)])
