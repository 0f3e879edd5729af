"""Holds what is seen of a product against what the model says."""

from collections import Counter
from typing import Any

from tests.algebra.model import Thing, World
from tests.algebra.world import Seen


def expected_inventory(world: World, infra: str) -> dict[str, dict[str, object]]:
    """What it must say of each server and of what stands on it."""
    servers: dict[str, dict[str, Any]] = {
        f"{infra}/{thing.server}": {"provider": "local", **value, "services": {}}
        for thing, value in world.items()
        if not thing.service
    }
    for thing, value in world.items():
        if thing.service:
            servers[f"{infra}/{thing.server}"]["services"][thing.service] = dict(value)
    return servers


def inventory(seen: Seen) -> dict[str, dict[str, object]]:
    """What it does say."""
    return {
        f"{server['infra']}/{server['name']}": {
            **{name: server[name] for name in ("provider", "plan", "zone", "labels")},
            "services": {service["name"]: service["params"] for service in server["task_services"]},
        }
        for server in seen.inventory
    }


def differences(seen: Seen, world: World, infra: str) -> list[str]:
    """Where what runs, and answers, is not what should."""
    servers = sorted(thing.server for thing in world if not thing.service)
    services = {thing: value for thing, value in sorted(world.items()) if thing.service}
    found = [
        f"{server['name']} is {server['status']}"
        for server in seen.inventory
        if server["status"] != "Running"
    ]
    if seen.listing != {f"{infra}/{server}": True for server in servers}:
        found.append(f"the provider lists {seen.listing}")
    wanted = Counter(f"{infra}/{server}: server" for server in servers)
    wanted.update(
        f"{infra}/{thing.server}: {thing.service} {value['port']} {value['message']}"
        for thing, value in services.items()
    )
    found += [f"runs and should not: {process}" for process in (seen.processes - wanted).elements()]
    found += [f"does not run: {process}" for process in (wanted - seen.processes).elements()]
    for server in seen.inventory:
        for service in server["task_services"]:
            value = services[Thing(server["name"], service["name"])]
            address = service["address"]
            if address != f"{server['ssh']['host']}:{value['port']}":
                found.append(f"{service['name']} of {server['name']} is said to be at {address}")
            if service["health"] != "Healthy" or seen.messages[address] != value["message"]:
                found.append(f"{address} answers {seen.messages[address]!r}, {service['health']}")
    return found
