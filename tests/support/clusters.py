"""Clusters under test: settings for them, and what only their members themselves can tell."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from activities.remote.door import SshDoor
from activities.settings import Settings
from tests.support.stack import eventually
from workflows.domain.resources import SshEndpoint


def settings(kind: str, nodes: int, version: object = None, **params: object) -> str:
    """An infra of one cluster, as KCL."""
    said = ", ".join(f"{name} = {_kcl(value)}" for name, value in params.items())
    chosen = f', version = "{version}"' if version else ""
    return (
        "import provisioning\n\ninfra = provisioning.Infra {clusters = [provisioning.Cluster {\n"
        f'name = "{kind}", cluster_type = "{kind}", provider = "local", plan = "1xCPU-1GB", zone = "local"\n'
        f"nodes = {nodes}, params = {{{said}}}{chosen}\n}}]}}\n"
    )


def _kcl(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@dataclass(frozen=True)
class Clusters:
    """Whoever operates clusters, at an API in this process or at a stack. Each has an infra of its own."""

    client: httpx.AsyncClient
    settings: Settings

    async def done(self, operation: str, kind: str, config: str, **more: Any) -> Any:
        """The ended task of a submission for the cluster that `config` describes."""
        return await self.ended(await self.submitted(operation, kind, config, **more))

    async def submitted(self, operation: str, kind: str, config: str, **more: Any) -> str:
        """The task's id."""
        folder = self.settings.infra_dir / kind
        folder.mkdir(exist_ok=True)
        (folder / "config.k").write_text(config)
        body = {"operation": operation, "cluster_type": kind, "infra": kind} | more
        answer = await self.client.post("/workflows/cluster/create", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"])

    async def ended(self, task_id: str) -> Any:
        task: dict[str, Any] = {}

        async def has_ended() -> bool:
            nonlocal task
            task = await self.answer(f"/tasks/{task_id}")
            return task["status"] in ("Completed", "Failed", "Cancelled")

        await eventually(has_ended, within=400, every=0.3)
        return task

    async def members(self, kind: str) -> dict[str, str]:
        """By the name of each server, where its service answers."""
        servers = await self.answer("/inventory/servers", infra=kind)
        return {one["name"]: one["task_services"][0]["address"] for one in servers}

    async def answer(self, path: str, **parameters: str) -> Any:
        found = await self.client.get(path, params=parameters)
        assert found.status_code == 200, found.text
        return found.json()["data"]

    async def kill_service(self, infra: str, server: str, service: str) -> None:
        """Ends a task service's process behind everybody's back."""
        (known,) = [s for s in await self.answer("/inventory/servers", infra=infra) if s["name"] == server]
        ssh, door = SshEndpoint(**known["ssh"]), SshDoor(self.settings.state_dir)
        pidfile = f"${{PROVISIONING_SERVER_ROOT:-}}/run/provisioning/{service}.pid"
        try:
            await door.ask(ssh, f'kill -9 "$(cut -d" " -f1 {pidfile})"')
        finally:
            await door.close()


async def has_everything(kind: str, nodes: dict[str, str]) -> bool:
    """Whether all members are of one cluster, and each has what `write` wrote."""
    match kind:
        case "etcd":
            return await etcd_has_everything(nodes)
        case "redis":
            found = [(await redis(address, "GET", "kept")).split("\r\n")[1] for address in nodes.values()]
            return found == ["value"] * len(nodes)
        case _:
            behind = dict(nodes)
            return await backends(behind.pop(f"{kind}-1")) == set(behind.values())


async def write(kind: str, nodes: dict[str, str]) -> None:
    if kind == "etcd":
        await etcd(nodes["etcd-1"], "put", "kept", "value")
    elif kind == "redis":
        await redis(nodes["redis-1"], "SET", "kept", "value")


async def etcd_has_everything(nodes: dict[str, str]) -> bool:
    for address in nodes.values():
        found = (await etcd(address, "member", "list"))["members"]
        if len(found) != len(nodes) or any(one.get("isLearner") for one in found):
            return False
        # Of its own data alone, without asking the others whether these are the newest.
        if len((await etcd(address, "get", "kept", "--consistency=s"))["kvs"]) != 1:
            return False
    return True


async def backends(address: str) -> set[str]:
    """Who answers, of those behind the balancer."""
    async with httpx.AsyncClient(trust_env=False) as client:
        found = [await client.get(f"http://{address}/", timeout=10) for _ in range(12)]
    assert {one.status_code for one in found} == {200}
    return {one.headers["X-Backend"] for one in found}


async def redis(address: str, *words: str) -> str:
    """What a redis answers to a command."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{' '.join(words)}\r\nQUIT\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


async def etcd(address: str, *words: str) -> Any:
    """What a member answers to a command."""
    process = await asyncio.create_subprocess_exec(
        *(
            str(Path(sys.executable).with_name("etcdctl")),
            "--endpoints",
            f"http://{address}",
            "-w",
            "json",
            *words,
        ),
        env=os.environ | {"ETCDCTL_API": "3"},
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    assert process.returncode == 0, answer
    return json.loads(answer)
