"""One cluster that is to be as it is wanted: made, scaled, or brought to other settings, node by node.

A member is a server of the cluster's name and a number, which bears the label `cluster`, so that nobody
else's server of that name is taken for one, nor one that somebody labelled so himself.
"""

from collections.abc import Iterator, Mapping, Sequence

from activities.catalogue.cluster_type import ClusterType, Members, Role, joined, settings_of
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.ledger_ports import InventoryItem
from workflows.contracts.clusters import ClusterPlan, ClusterWish, Stage
from workflows.domain.actions import (
    Action,
    CreateServer,
    DeleteServer,
    InstallTaskserv,
    RecordCluster,
    RemoveTaskserv,
)
from workflows.domain.errors import Conflict, NotFound
from workflows.domain.operations import ClusterConfig
from workflows.domain.resources import (
    CLUSTER_LABEL,
    Cluster,
    Params,
    Server,
    ServerSpec,
    cluster_of,
    dependents_first,
    number_of,
)

Chain = tuple[Action, ...]


def members_of(name: str, items: Mapping[str, InventoryItem]) -> list[InventoryItem]:
    """What is the cluster's by name and label, in the order of the members' numbers."""
    found = [item for item in items.values() if cluster_of(item.server.spec) == name]
    return sorted(found, key=lambda item: number_of(item.server.spec.name))


class Growth:
    """One cluster that is to be as it is wanted: made, scaled, or brought to other settings."""

    def __init__(
        self,
        wish: ClusterWish,
        wanted: ClusterConfig,
        record: Cluster | None,
        items: Mapping[str, InventoryItem],
        catalogue: ClusterCatalogue,
    ) -> None:
        self._cause, self._infra = wish.cause, wish.config.infra
        self._wanted, self._record = wanted, record
        self._provider = wanted.provider or wish.provider
        self._type: ClusterType = catalogue.get(wanted.cluster_type)
        self._services = catalogue.services
        self._items = items
        made = {server.spec.name: server for server in wish.made}
        there = {name: item.server for name, item in items.items() if self._is_member(name, item)}
        self._servers: dict[str, Server] = {**there, **made}
        self._is_made = bool(made)
        self._settings: Params = {}
        self._count = wanted.nodes

    def plan(self, operation: str) -> ClusterPlan:
        self._look(operation)
        # Made anew is also what is gone at its provider, which the inventory does not know.
        wanted = self._names() if operation == "create" and not self._is_made else self._absent()
        missing = tuple(CreateServer(cause=self._cause, spec=self._spec(name)) for name in wanted)
        servers = tuple(self._servers[name] for name in self._names() if name in self._servers)
        if missing:
            return ClusterPlan(servers=servers, creations=missing, further=self._further(missing))
        stages = self._upgrade() if operation == "upgrade" else (*self._coming(operation), *self._going())
        end: Stage = ((RecordCluster(cause=self._cause, before=self._record, after=self._after()),),)
        return ClusterPlan(servers=servers, stages=tuple(stage for stage in (*stages, end) if any(stage)))

    def _look(self, operation: str) -> None:
        """Finds out what is wanted, and refuses what this operation does not do."""
        record, wanted = self._record, self._wanted
        key = f"{self._infra}/{wanted.name}"
        if record is not None and record.cluster_type != wanted.cluster_type:
            raise Conflict(f"cluster {key} is a {record.cluster_type}, not a {wanted.cluster_type}")
        if record is None and operation != "create":
            raise NotFound(f"there is no cluster {key} to {operation}; create makes it")
        self._settings = settings_of(wanted.params, wanted.version)
        if record is None:
            return
        there = settings_of(record.params, record.version)
        if operation == "create" and len(record.members) != wanted.nodes:
            raise Conflict(
                f"cluster {key} has {len(record.members)} nodes, not {wanted.nodes}; scale changes it"
            )
        if operation == "create" and there != self._settings:
            raise Conflict(f"cluster {key} has another version or other params; upgrade changes it")
        if operation == "upgrade":
            if fixed := [one for one in self._type.fixed if there.get(one) != self._settings.get(one)]:
                raise Conflict(f"cluster {key}: {', '.join(fixed)} is what it was made with, and stays so")
            self._count = len(record.members)
        else:
            self._settings = there

    def _is_member(self, name: str, item: InventoryItem) -> bool:
        if cluster_of(item.server.spec) == self._wanted.name:
            return True
        if name in self._names_of(self._wanted.nodes):
            raise Conflict(
                f"server {item.server.key} exists already, and is no member of {self._wanted.name}"
            )
        return False

    def _absent(self) -> list[str]:
        return [name for name in self._names() if name not in self._servers]

    def _names(self) -> list[str]:
        return self._names_of(self._count)

    def _names_of(self, count: int) -> list[str]:
        return [self._wanted.node(number) for number in range(1, count + 1)]

    def _spec(self, name: str) -> ServerSpec:
        wanted = self._wanted
        return ServerSpec(
            infra=self._infra,
            name=name,
            provider=self._provider,
            plan=wanted.plan,
            zone=wanted.zone,
            labels={CLUSTER_LABEL: wanted.name},
        )

    def _further(self, missing: Sequence[CreateServer]) -> int:
        """As many services as there will be on the new ones, and the record."""
        roles = (self._type.role_of(number_of(one.spec.name)) for one in missing)
        return 1 + sum(len(self._order(role)) for role in roles)

    def _order(self, role: Role) -> list[str]:
        return self._services.expand([one.name for one in role.services])

    def _with_role(self, role: Role, names: Sequence[str]) -> list[str]:
        return [name for name in names if self._type.role_of(number_of(name)) is role]

    def _standing(self, name: str, service: str) -> Params | None:
        """The parameters of a service that the inventory has on a member."""
        item = self._items.get(name)
        if item is None or name not in self._servers or item.server.owner != self._servers[name].owner:
            return None
        return next((one.params for one in item.taskservs if one.name == service), None)

    def _coming(self, operation: str) -> Iterator[Stage]:
        """Role by role: who is new is set up, and who is there gets to know of it."""
        for role in self._type.roles:
            joined_already = [n for n in self._with_role(role, self._names()) if self._is_complete(n, role)]
            new, known = list[Chain](), list[Chain]()
            for name in self._with_role(role, self._names()):
                if name in joined_already:
                    known.append(tuple(self._installs(name, role, joined_already, operation == "create")))
                else:
                    new.append(tuple(self._installs(name, role, joined_already, everything=True)))
                    joined_already = [*joined_already, name]
            # A cluster that shrinks tells its members just before the others go.
            chains = tuple(new) if len(self._names()) < len(self._servers) else (*known, *new)
            yield _in_turn(chains) if role.one_by_one else chains

    def _going(self) -> Iterator[Stage]:
        """Role by role, backwards: who stays gets to know of it, then the last ones go."""
        leaving = [name for name in self._servers if name not in self._names()]
        leaving.sort(key=number_of, reverse=True)
        for role in reversed(self._type.roles) if leaving else ():
            staying = self._with_role(role, self._names())
            told = tuple(tuple(self._installs(name, role, staying, everything=False)) for name in staying)
            yield _in_turn(told) if role.one_by_one else told
            gone = tuple(self._removal(name) for name in self._with_role(role, leaving))
            yield _in_turn(gone) if role.one_by_one else gone

    def _removal(self, name: str) -> Chain:
        item, server = self._items[name], self._servers[name]
        removals = (
            RemoveTaskserv(cause=self._cause, server=server, name=one.name)
            for one in dependents_first(item.taskservs)
        )
        return (*removals, DeleteServer(cause=self._cause, server=server))

    def _upgrade(self) -> Iterator[Stage]:
        """Node by node, in the order in which they would go; each answers before the next one's turn."""
        steps: list[Action] = []
        for role in reversed(self._type.roles):
            names = self._with_role(role, self._names())
            for name in reversed(names):
                steps += self._installs(name, role, names, everything=True)
        yield (tuple(steps),)

    def _is_complete(self, name: str, role: Role) -> bool:
        return all(self._standing(name, one.name) is not None for one in role.services)

    def _installs(
        self, name: str, role: Role, beside: Sequence[str], everything: bool
    ) -> Iterator[InstallTaskserv]:
        """What brings a member's services to their parameters.

        Args:
            beside: the members of its role that it may join.
            everything: whether those are brought to theirs, too, of which nothing is known to differ.
        """
        described = {one.name: one for one in role.services}
        for service in self._order(role):
            there = self._standing(name, service)
            params: Params = {}
            if (one := described.get(service)) is not None:
                params = one.own(self._settings)
                for parameter, members in one.refers().items():
                    if members.when == "always" or there is None:
                        params[parameter] = self._named(members, name, beside)
            if everything or there is None or any(there.get(key) != value for key, value in params.items()):
                yield InstallTaskserv(
                    cause=self._cause, server=self._servers[name], name=service, params=params
                )

    def _named(self, members: Members, name: str, beside: Sequence[str]) -> str:
        role = next(role for role in self._type.roles if role.name == members.servers)
        names = self._with_role(role, self._names()) if members.when == "always" else beside
        return joined([other for other in names if other != name])

    def _after(self) -> Cluster:
        record, wanted = self._record, self._wanted
        version, params = wanted.version, wanted.params
        if record is not None and self._settings == settings_of(record.params, record.version):
            version, params = record.version, record.params
        names = self._names()
        return Cluster(
            name=wanted.name,
            cluster_type=wanted.cluster_type,
            version=version,
            params=params,
            members=tuple(names),
            server=self._servers[names[0]],
        )


def _in_turn(chains: Sequence[Chain]) -> Stage:
    """One after the other."""
    return (tuple(action for chain in chains for action in chain),)
