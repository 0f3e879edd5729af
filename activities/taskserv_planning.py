"""Which servers an operation's task services go to, and in what order."""

from collections.abc import Sequence

from activities.catalogue.catalogue import Catalogue
from activities.ledger_ports import ServerLookup
from workflows.contracts.taskservs import TaskservAction, TaskservWish
from workflows.domain.actions import ConfigureTaskserv, InstallTaskserv, RemoveTaskserv, RestartTaskserv
from workflows.domain.errors import NotFound
from workflows.domain.resources import Server


async def targets(wish: TaskservWish, inventory: ServerLookup) -> Sequence[Server]:
    """The servers that the operation names; else those of its dependencies; else the infra's at its provider.

    Raises:
        NotFound: a named server does not exist, or there is none at all.
    """
    infra = wish.config.infra
    if wish.config.servers is not None:
        return await _named(wish, wish.config.servers, inventory)
    if wish.made_by_dependencies:
        return wish.made_by_dependencies
    await inventory.catch_up()
    found = [item.server for item in await inventory.servers(infra, wish.provider)]
    if not found:
        raise NotFound(
            f"there is no server to work on: no dependency made one, and infra {infra!r} has none at "
            f"provider {wish.provider!r}"
        )
    return found


async def _named(wish: TaskservWish, names: Sequence[str], inventory: ServerLookup) -> Sequence[Server]:
    infra = wish.config.infra
    made = {server.spec.name: server for server in wish.made_by_dependencies if server.spec.infra == infra}
    wanted = list(dict.fromkeys(names))
    found = {name: made[name] for name in wanted if name in made}
    if len(found) < len(wanted):
        await inventory.catch_up()
    for name in wanted:
        if name not in found and (item := await inventory.server(infra, name)) is not None:
            found[name] = item.server
    if missing := [name for name in wanted if name not in found]:
        raise NotFound(f"infra {infra!r} has no server named {', '.join(missing)}")
    return [found[name] for name in wanted]


def chain(wish: TaskservWish, server: Server, catalogue: Catalogue) -> tuple[TaskservAction, ...]:
    """What to do on one server: what is required comes first, and goes last.

    Only an installation brings along what is required: for the others it is there, or they fail.
    """
    params = wish.config.params_for(server.spec.name)
    if wish.config.operation == "delete":
        names = reversed(catalogue.in_order(params))
        return tuple(RemoveTaskserv(cause=wish.cause, server=server, name=name) for name in names)
    if wish.config.operation == "create":
        return tuple(
            InstallTaskserv(cause=wish.cause, server=server, name=name, params=params.get(name, {}))
            for name in catalogue.expand(params)
        )
    kind = RestartTaskserv if wish.config.operation == "restart" else ConfigureTaskserv
    return tuple(
        kind(cause=wish.cause, server=server, name=name, params=params[name])
        for name in catalogue.in_order(params)
    )
