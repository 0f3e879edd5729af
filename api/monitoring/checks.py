"""The components, and what is tried of each."""

import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from activities.mongo.stores import Stores
from activities.monitoring_ports import AccessCheck
from activities.ports import SnapshotStore
from activities.provider_ports import ServerProviders
from activities.shared_call import SharedCall
from api.monitoring.disk import growing_folder
from api.monitoring.health import HEALTHY, Finding, Status
from api.monitoring.monitor import Component
from api.monitoring.occasional import Occasional
from api.monitoring.pollers import check_namespace
from api.monitoring.workers import WorkerCheck
from api.orchestrator import Orchestrator
from workflows.domain.batches import StorageBackend
from workflows.domain.errors import Refused, Unavailable

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
SCARCE_SHARE, SCARCE_BYTES = 0.10, _GIB
"""A warning below either of them."""
FULL_SHARE, FULL_BYTES = 0.02, 200 * _MIB
"""Critical below either of them: the embedded servers keep their data there too."""


def components(
    orchestrator: Orchestrator,
    stores: Stores,
    workers: WorkerCheck,
    providers: ServerProviders,
    state_dir: Path,
) -> Sequence[Component]:
    """All of them, under the names that users see."""
    return [
        Component("temporal", works(lambda: check_namespace(orchestrator))),
        Component("worker", workers.find),
        Component("mongodb", works(stores.check)),
        *(_snapshots(name, stores.snapshots.get(name)) for name in stores.snapshots.names()),
        *provider_components(providers),
        Component("disk", room_in(state_dir)),
    ]


def _snapshots(name: StorageBackend, store: SnapshotStore) -> Component:
    """A batch can do without the storages that it did not ask for; all others keep theirs in files."""
    failed = Status.CRITICAL if name == "filesystem" else Status.WARNING
    return Component(f"snapshots_{name}", works(store.check), failed)


def provider_components(providers: ServerProviders) -> Iterator[Component]:
    """Work at the others can go on where one does not let us in."""
    for name in providers.names():
        provider = providers.get(name)
        if isinstance(provider, AccessCheck):
            check = Occasional(lets_us_in(provider))
            yield Component(f"provider:{name}", check.find, Status.WARNING)


def lets_us_in(provider: AccessCheck) -> Callable[[], Awaitable[Finding]]:
    """Whether a provider takes our credentials, and its own words where it does not."""

    async def check() -> Finding:
        try:
            await provider.check_access()
        except (Refused, Unavailable) as error:
            return Finding(Status.WARNING, error.message)
        return HEALTHY

    return check


def works(attempt: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[Finding]]:
    """Healthy if the attempt succeeds."""

    async def check() -> Finding:
        await attempt()
        return HEALTHY

    return check


def room_in(state_dir: Path) -> Callable[[], Awaitable[Finding]]:
    """How much room there is for what the state directory keeps."""
    usage = SharedCall(lambda: shutil.disk_usage(growing_folder(state_dir)))

    async def check() -> Finding:
        try:
            found = await usage.result()
        except OSError as error:
            raise Unavailable(f"the state directory cannot be looked at: {error.strerror}") from error
        return judge_room(found.free, found.total)

    return check


def judge_room(free: int, total: int) -> Finding:
    """Both in bytes."""
    share = free / total if total else 0.0
    reason = f"{free / _GIB:.1f} GiB ({share:.0%}) free"
    if share < FULL_SHARE or free < FULL_BYTES:
        return Finding(Status.CRITICAL, reason)
    if share < SCARCE_SHARE or free < SCARCE_BYTES:
        return Finding(Status.WARNING, reason)
    return HEALTHY
