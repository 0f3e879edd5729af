"""How a task service on one server comes to know what it needs to join the one on another.

What a service invites with is a secret, such as a token: it stays on its server, is fetched over SSH when it
is needed, and is in no parameter, and so in no history, event or log.
"""

from activities.catalogue.service import Service
from activities.taskserv_host import TaskservHost
from activities.taskserv_neighbours import Neighbours
from workflows.domain.errors import NotFound
from workflows.domain.resources import Params, Server


class Invitations:
    def __init__(self, host: TaskservHost, neighbours: Neighbours) -> None:
        self._host = host
        self._neighbours = neighbours

    async def wanted_by(self, service: Service, params: Params, server: Server) -> str:
        """What `service`, which is to be set up on `server`, is invited with; empty where it joins none.

        Raises:
            NotFound: the parameter names no server of the infra, or one that invites nobody.
            Unavailable: that server cannot be reached.
        """
        name = params.get(service.joins) if service.joins is not None else None
        if not isinstance(name, str) or not name:
            return ""
        other = await self._neighbours.server(server, name)
        if other is None:
            raise NotFound(f"{service.joins}: infra {server.spec.infra!r} has no server named {name}")
        invitation = await self._host.invitation(other, service.name)
        if invitation is None:
            raise NotFound(f"{service.joins}: there is no {service.name} to join on {other.key}")
        return invitation
