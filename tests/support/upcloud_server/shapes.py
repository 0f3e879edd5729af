"""What UpCloud's answers look like."""

from typing import Any

from tests.support.upcloud_server.catalogue import PLANS, TEMPLATES, ZONES, Template
from tests.support.upcloud_server.cloud import Server, Storage

Json = dict[str, Any]


def listed(server: Server) -> Json:
    """A server in a list."""
    plan = PLANS[server.order.plan]
    return {
        "core_number": str(plan.cores),
        "created": server.created,
        "hostname": server.order.hostname,
        "labels": {"label": [{"key": key, "value": value} for key, value in server.labels.items()]},
        "license": 0,
        "memory_amount": str(plan.memory),
        "plan": plan.name,
        "plan_ipv4_bytes": "0",
        "plan_ipv6_bytes": "0",
        "server_group": None,
        "simple_backup": "no",
        "state": server.state,
        "tags": {"tag": []},
        "title": server.order.title,
        "uuid": server.uuid,
        "zone": server.order.zone,
    }


def detailed(server: Server) -> Json:
    given = (("utility", server.internal), ("public", server.public))
    addresses = [(access, address) for access, address in given if address]
    return listed(server) | {
        "boot_order": "disk",
        "firewall": "off",
        "ip_addresses": {
            "ip_address": [
                {"access": access, "address": address, "family": "IPv4"} for access, address in addresses
            ]
        },
        "metadata": "yes",
        "networking": {
            "interfaces": {
                "interface": [
                    {
                        "bootable": "no",
                        "index": index,
                        "ip_addresses": {
                            "ip_address": [{"address": address, "family": "IPv4", "floating": "no"}]
                        },
                        "source_ip_filtering": "yes",
                        "type": access,
                    }
                    for index, (access, address) in enumerate(addresses, start=1)
                ]
            }
        },
        "nic_model": "virtio",
        "remote_access_enabled": "no",
        "remote_access_password": "Vn7cMy9q",
        "remote_access_type": "vnc",
        "storage_devices": {
            "storage_device": [
                {
                    "address": "virtio:0",
                    "boot_disk": "0",
                    "storage": server.storage.uuid,
                    "storage_size": server.storage.size,
                    "storage_tier": server.storage.tier,
                    "storage_title": server.storage.title,
                    "type": "disk",
                }
            ]
        },
        "timezone": "UTC",
        "video_model": "cirrus",
    }


def ordered(server: Server) -> Json:
    """What a create call answers: the details, and how to log in."""
    return detailed(server) | {"progress": "0", "username": server.order.user}


def private_storage(storage: Storage) -> Json:
    return {
        "access": "private",
        "license": 0,
        "size": storage.size,
        "state": storage.state,
        "tier": storage.tier,
        "title": storage.title,
        "type": "normal",
        "uuid": storage.uuid,
        "zone": storage.zone,
    }


def template(item: Template) -> Json:
    return {
        "access": "public",
        "license": 0,
        "size": item.size,
        "state": "online",
        "template_type": item.kind,
        "title": item.title,
        "type": "template",
        "uuid": item.uuid,
    }


def templates() -> Json:
    return {"storages": {"storage": [template(item) for item in TEMPLATES.values()]}}


def plans() -> Json:
    return {
        "plans": {
            "plan": [
                {
                    "core_number": plan.cores,
                    "memory_amount": plan.memory,
                    "name": plan.name,
                    "public_traffic_out": 1024,
                    "storage_size": plan.storage,
                    "storage_tier": "maxiops",
                }
                for plan in PLANS.values()
            ]
        }
    }


def zones() -> Json:
    return {
        "zones": {"zone": [{"id": id, "description": words, "public": "yes"} for id, words in ZONES.items()]}
    }


def account(username: str, core_limit: int) -> Json:
    return {"account": {"credits": 10000.0, "username": username, "resource_limits": {"cores": core_limit}}}
