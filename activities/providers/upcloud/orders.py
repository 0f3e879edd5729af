"""What we ask UpCloud for when we want a server.

The server's own host key is in it, so that every connection to it can be checked: UpCloud does not tell which
key a server has made for itself, and to believe the first one that answers is to hand scripts and parameters
to whoever sits in between. The private half goes to UpCloud in this one call, over TLS, and is kept nowhere;
the public half goes into a label. The price: a program on the server that may ask its metadata service can
read the key, and could pose as this one server to us. Templates without cloud-init get no key, and their
servers are believed.
"""

import json
from typing import NamedTuple

import upcloud_api
from upcloud_api.server import ServerNetworkInterface

from activities.providers.upcloud.answers import Plan, Template
from activities.providers.upcloud.labels import Inscription, labels_of
from activities.remote.host_keys import HostKey
from workflows.domain.resources import ServerSpec

_SMALLEST_STORAGE = 10
"""GB, at UpCloud."""
_NETWORKS = ("utility", "public")


class Wanted(NamedTuple):
    """A server, and what it is made of."""

    spec: ServerSpec
    plan: Plan | None
    """None where UpCloud lists no such plan: it says so itself, in its own words, when it is asked for it."""
    template: Template
    login_key: str
    """The public key that may log in."""
    host_key: HostKey | None


def order(wanted: Wanted, owner: str, attempt: str) -> upcloud_api.Server:
    """The library's form of an order. All labels are in it: there is no moment without them."""
    spec, host_key = wanted.spec, wanted.host_key
    inscription = Inscription(owner, attempt, host_key.public if host_key else None)
    labels = labels_of(spec, inscription)
    optional = {"user_data": _cloud_config(host_key)} if host_key else {}
    return upcloud_api.Server(
        hostname=spec.name,
        title=spec.key,
        zone=spec.zone,
        plan=spec.plan,
        labels=[upcloud_api.Label(key, value) for key, value in labels.items()],
        login_user=upcloud_api.login_user_block(spec.ssh_user, [wanted.login_key]),
        # cloud-init gets the login key and the host key from there.
        metadata=True,
        networking=[
            ServerNetworkInterface({"type": network, "ip_addresses": [{"family": "IPv4"}]})
            for network in _NETWORKS
        ],
        storage_devices=[_storage(wanted)],
        **optional,
    )


def _cloud_config(key: HostKey) -> str:
    """JSON is YAML too, and needs no care with quotes."""
    keys = {"ed25519_private": key.private.get_secret_value(), "ed25519_public": key.public}
    config = {"ssh_deletekeys": True, "ssh_keys": keys}
    return f"#cloud-config\n{json.dumps(config, indent=1)}\n"


def _storage(wanted: Wanted) -> upcloud_api.Storage:
    included = wanted.plan.storage_size if wanted.plan else 0
    return upcloud_api.Storage(
        uuid=wanted.template.uuid,
        title=f"{wanted.spec.name} system",
        size=max(included, wanted.template.size, _SMALLEST_STORAGE),
        tier=wanted.plan.storage_tier if wanted.plan else "maxiops",
    )
