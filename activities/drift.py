"""Where the world is no longer as the inventory says."""

from collections.abc import Iterable, Iterator, Mapping

from activities.ledger_ports import InventoryItem
from activities.taskserv_host import Installation
from workflows.domain.changes import Drift, of_params, server_key, taskserv_key
from workflows.domain.resources import Server, Taskserv


def of_server(key: str, known: InventoryItem | None, live: Server | None) -> tuple[Drift, ...]:
    """How the server at its provider differs from the one in the inventory."""
    what = _of_server(known, live)
    return () if what is None else (Drift(key=server_key(key), what=what),)


def _of_server(known: InventoryItem | None, live: Server | None) -> str | None:
    if known is None:
        return None if live is None else f"stands at {live.spec.provider}, and the inventory does not have it"
    if live is None:
        return f"is in the inventory, and gone at {known.server.spec.provider}"
    if live.owner != known.server.owner:
        return f"another one has its name at {live.spec.provider}"
    before, now = known.server.spec, live.spec
    if (before.plan, before.zone) != (now.plan, now.zone):
        return f"was made with {before.plan} in {before.zone}, and is {now.plan} in {now.zone}"
    return None


def of_taskservs(
    server: str, known: Iterable[Taskserv], there: Mapping[str, Installation], silent: Iterable[str]
) -> tuple[Drift, ...]:
    """How what stands on a server differs from what the inventory has there; `silent` ones do not answer."""
    in_inventory = {one.name: one for one in known}
    found = [*_of_marks(in_inventory, there), *((name, "does not answer") for name in silent)]
    return tuple(Drift(key=taskserv_key(server, name), what=what) for name, what in sorted(found))


def _of_marks(known: Mapping[str, Taskserv], there: Mapping[str, Installation]) -> Iterator[tuple[str, str]]:
    for name in {*known, *there}:
        if name not in there:
            yield name, "is in the inventory, and gone from the server"
        elif name not in known:
            yield name, "stands on the server, and the inventory does not have it"
        elif differing := of_params(known[name].params, there[name].params):
            yield name, f"was set otherwise: {', '.join(differing)}"
