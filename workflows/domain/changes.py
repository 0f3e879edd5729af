"""What an operation would change if it ran now: the plan that check mode shows, and that touches nothing."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import JsonValue

from workflows.domain.resources import Cluster, Frozen, Params, Server, ServerSpec

NO_CHANGES = "no changes"


class ChangeKind(StrEnum):
    CREATE = "create"
    UPDATE = "change"
    DELETE = "delete"
    RESTART = "restart"


_SIGNS = {ChangeKind.CREATE: "+", ChangeKind.UPDATE: "~", ChangeKind.DELETE: "-", ChangeKind.RESTART: "*"}


class Change(Frozen):
    """One thing that would be created, set otherwise, removed or restarted. It is the effect to come."""

    kind: ChangeKind
    key: str
    """The resource, as effects name it: `server:default/web-01`, `taskserv:default/web-01/nginx`."""
    server: Server | None = None
    """For a server that would be created: as it would be, as far as that is known."""
    params: Params | None = None
    """For a task service that would be there: its parameters."""
    cluster: Cluster | None = None
    """For a cluster that would be there: as it would be."""
    details: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """`+ server default/web-01  (local, 1xCPU-2GB, eu)`."""
        thing, _, name = self.key.partition(":")
        details = f"  ({', '.join(self.details)})" if self.details else ""
        return f"{_SIGNS[self.kind]} {thing} {name}{details}"


class Drift(Frozen):
    """A difference between the world and what the inventory says of it, which nobody here has made."""

    key: str
    what: str

    @property
    def line(self) -> str:
        thing, _, name = self.key.partition(":")
        return f"! {thing} {name}: {self.what}"


class ChangePlan(Frozen):
    """The changes of one operation, in the order in which it would make them, and the drift that it saw."""

    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    servers: tuple[Server, ...] = ()
    """What it would make or work on: its dependents' servers."""

    @property
    def text(self) -> str:
        """The plan for a person: a line for each change, then the drift, then the counts."""
        changes = (change.line for change in self.changes)
        return "\n".join([*changes, *(one.line for one in self.drift), _counts(self)])


class Foreseen:
    """What changes that have yet to be made would leave: the last one about a resource counts."""

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        self._changes: dict[str, Change] = {}
        for change in changes:
            self.add(change)

    def add(self, change: Change) -> None:
        if change.key.startswith("server:"):
            # What was to stand on it is gone with it, and a new one of that name is empty.
            on_it = change.key.replace("server:", "taskserv:", 1) + "/"
            self._changes = {key: one for key, one in self._changes.items() if not key.startswith(on_it)}
        self._changes[change.key] = change

    def server(self, key: str) -> Change | None:
        return self._changes.get(server_key(key))

    def servers(self, infra: str | None = None) -> dict[str, Change]:
        """The changes to servers, of the infra or of all, by the servers' keys."""
        prefix = server_key("" if infra is None else f"{infra}/")
        return {key.partition(":")[2]: one for key, one in self._having(prefix)}

    def taskservs(self, server: str) -> dict[str, Change]:
        """The changes to task services on the server of that key, by the services' names."""
        prefix = taskserv_key(server, "")
        return {key.removeprefix(prefix): one for key, one in self._having(prefix)}

    def clusters(self, infra: str | None = None) -> dict[str, Change]:
        """The changes to clusters, of the infra or of all, by the clusters' keys."""
        prefix = cluster_key("" if infra is None else f"{infra}/")
        return {key.partition(":")[2]: one for key, one in self._having(prefix)}

    def _having(self, prefix: str) -> list[tuple[str, Change]]:
        return [(key, one) for key, one in self._changes.items() if key.startswith(prefix)]


def server_key(server: str) -> str:
    """What effects call the server `infra/name`."""
    return f"server:{server}"


def taskserv_key(server: str, name: str) -> str:
    return f"taskserv:{server}/{name}"


def cluster_key(cluster: str) -> str:
    """What effects call the cluster `infra/name`."""
    return f"cluster:{cluster}"


def of_cluster(before: Cluster | None, after: Cluster) -> tuple[str, ...]:
    """What a person wants to know of a cluster; of one that is there, what differs."""
    size = f"{len(after.members)} nodes"
    if before is None:
        version = (f"version={after.version}",) if after.version is not None else ()
        return (after.cluster_type, size, *version, *of_params(None, after.params))
    was = f"{len(before.members)} nodes"
    old: Params = {"version": before.version, **before.params}
    new: Params = {"version": after.version, **after.params}
    return (*((f"{was} -> {size}",) if was != size else ()), *of_params(old, new))


def of_spec(spec: ServerSpec) -> tuple[str, ...]:
    """What a person wants to know of a server before it is made."""
    labels = [f"{name}={value}" for name, value in sorted(spec.labels.items())]
    return tuple(filter(None, (spec.provider, spec.plan, spec.zone, spec.image, *labels)))


def of_params(before: Params | None, after: Params) -> tuple[str, ...]:
    """The parameters of a new service; of one that is there, those that differ."""
    if before is None:
        return tuple(f"{name}={_text(value)}" for name, value in sorted(after.items()) if value != "")
    names: Sequence[str] = sorted({*before, *after})
    return tuple(
        f"{name}: {_text(before.get(name))} -> {_text(after.get(name))}"
        for name in names
        if before.get(name) != after.get(name)
    )


def _text(value: JsonValue) -> str:
    """As it is written in a request; texts without their quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def _counts(plan: ChangePlan) -> str:
    drifted = f"{len(plan.drift)} drifted" if plan.drift else ""
    if not plan.changes:
        return ", ".join(filter(None, (NO_CHANGES, drifted)))
    number = {kind: sum(one.kind is kind for one in plan.changes) for kind in ChangeKind}
    told = [kind for kind in ChangeKind if number[kind] or kind is not ChangeKind.RESTART]
    words = [f"{number[kind]} to {kind.value}" for kind in told]
    return f"plan: {', '.join(filter(None, (*words, drifted)))}"
