"""Clusters under test: settings for them, and what only their members themselves can tell."""

import asyncio
import base64
import os
from typing import Any

import httpx

from tests.e2e.test_api_batches import data
from tests.support.api import Api

CLUSTER = "/workflows/cluster/create"


def settings(kind: str, nodes: int, version: str | None = None, **params: object) -> str:
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


async def done(api: Api, operation: str, kind: str, config: str, **more: Any) -> Any:
    """The ended task of a submission for the cluster that `config` describes."""
    (api.settings.infra_dir / kind).mkdir(exist_ok=True)
    (api.settings.infra_dir / kind / "config.k").write_text(config)
    body = {"operation": operation, "cluster_type": kind, "infra": kind, "wait": True} | more
    answer = await api.client.post(CLUSTER, json=body, timeout=300)
    assert answer.status_code == 200, answer.text
    return await data(api, f"/tasks/{answer.json()['data']}")


async def members(api: Api, kind: str) -> dict[str, str]:
    """By the name of each server, where its service answers."""
    servers = await data(api, "/inventory/servers", infra=kind)
    return {one["name"]: one["task_services"][0]["address"] for one in servers}


async def redis(address: str, *words: str) -> str:
    """What a redis answers to a command."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{' '.join(words)}\r\nQUIT\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


async def etcd(address: str, path: str, **fields: object) -> Any:
    """What a member answers at its gateway; texts in `fields` are sent as it wants them."""
    body = {n: base64.b64encode(v.encode()).decode() if isinstance(v, str) else v for n, v in fields.items()}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"http://{address}/v3/{path}", json=body, timeout=10)
        return answer.raise_for_status().json()


def kill_service(api: Api, infra: str, server: str, service: str) -> None:
    """Ends a task service's process behind everybody's back."""
    (pidfile,) = (api.settings.state_dir / "servers").glob(
        f"{infra}/{server}/**/run/provisioning/{service}.pid"
    )
    os.kill(int(pidfile.read_text().split()[0]), 9)
