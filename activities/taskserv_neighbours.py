"""Other servers of an infra, as the parameters of a task service name them.

Names are what is kept, and addresses are looked up whenever something is done: a server that was deleted and
came back may have another one.
"""

from activities.catalogue.service import Service
from activities.ledger_ports import Inventory
from activities.provider_ports import ServerProviders
from workflows.domain.errors import NotFound
from workflows.domain.resources import Params, Server


class Neighbours:
    def __init__(self, inventory: Inventory, providers: ServerProviders) -> None:
        self._inventory = inventory
        self._providers = providers

    async def named_by(
        self, service: Service, params: Params, server: Server, *, all_of_them: bool = True
    ) -> dict[str, tuple[str, ...]]:
        """By parameter of `service`, the addresses of the servers that it names.

        Args:
            server: where the service stands or will.
            all_of_them: whether each must be there; else those that are not are left out.

        Raises:
            NotFound: one of them does not exist.
            Unavailable: their provider cannot be asked.
        """
        return {name: await self._hosts(name, params, server, all_of_them) for name in service.servers}

    async def _hosts(
        self, parameter: str, params: Params, server: Server, all_of_them: bool
    ) -> tuple[str, ...]:
        found: list[str] = []
        for name in filter(None, str(params.get(parameter, "")).split(",")):
            other = await self._live(server, name)
            if other is not None:
                found.append(other.ssh.host)
            elif all_of_them:
                raise NotFound(f"{parameter}: infra {server.spec.infra!r} has no server named {name}")
        return tuple(found)

    async def server(self, beside: Server, name: str) -> Server | None:
        """The server of that name in the infra of `beside`."""
        await self._inventory.catch_up()
        item = await self._inventory.server(beside.spec.infra, name)
        if item is not None:
            return item.server
        # One that was made just now need not be in the ledger yet.
        return await self._providers.get(beside.spec.provider).find(beside.spec.infra, name)

    async def _live(self, beside: Server, name: str) -> Server | None:
        """As it stands at its provider: what is undone right now is not in the inventory yet."""
        found = await self._providers.get(beside.spec.provider).find(beside.spec.infra, name)
        if found is not None:
            return found
        await self._inventory.catch_up()
        item = await self._inventory.server(beside.spec.infra, name)
        if item is None or item.server.spec.provider == beside.spec.provider:
            return None
        return await self._providers.get(item.server.spec.provider).find(beside.spec.infra, name)
