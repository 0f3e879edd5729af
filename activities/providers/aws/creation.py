"""One attempt at a server.

Nothing but AWS knows what was made: an attempt that died leaves its instance under its tags, and the next one
finds it there. Two attempts at once may each launch one. So whoever has launched looks again, and of several
the first counts, by AWS's time and then by id; each attempt removes what its own owner has beside that one.

An instance is not handed out before it has stood for a while (`Patience.settled`). What is launched later is
then behind it, and what was launched before is to be seen, so nothing can come up that counts in its place.

An attempt that was taken for dead may come to life again, and is told to clean up. So whoever finds an
instance of its owner's that it has not launched keeps it first: it marks it, waits for longer than a call
takes, and looks once more. What is marked, the attempt that launched it does not take back.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from activities.finishing import finish
from activities.providers.aws import images
from activities.providers.aws.cloud import Cloud
from activities.providers.aws.errors import code_of, ended_by_itself
from activities.providers.aws.instances import Instance, Look
from activities.providers.aws.launch import Launch
from activities.providers.aws.places import region_of
from activities.providers.fitting import must_fit
from activities.remote.host_keys import host_key
from workflows.domain.errors import ProvisioningError, Refused, Unavailable
from workflows.domain.resources import Server, ServerSpec

T = TypeVar("T")

log = logging.getLogger(__name__)


class Creation:
    """Brings the server of `spec` about, for `owner`. Used once."""

    def __init__(self, cloud: Cloud, spec: ServerSpec, owner: str) -> None:
        self._cloud = cloud
        self._spec = spec
        self._owner = owner
        self._region = region_of(spec.zone, cloud.options.regions)
        self._begun: asyncio.Task[Any] | None = None
        self._made: Instance | None = None

    async def run(self) -> Server:
        """The server, ours or whose it is. Raises as `ServerProvider.create`."""
        try:
            with self._cloud.doorways.held(self._region, self._spec.infra):
                look = await self._look()
                if not look.alive:
                    await self._launch(look)
                return await self._ready()
        except BaseException as error:
            # What may be tried again finds the instance and goes on with it.
            if self._begun is not None and not _may_be_tried_again(error):
                await finish(asyncio.create_task(self._take_back(self._begun)))
            raise

    async def _look(self) -> Look:
        return await self._cloud.instances.named(self._spec.infra, self._spec.name)

    async def _launch(self, look: Look) -> None:
        cloud, spec = self._cloud, self._spec
        options = cloud.options
        launch = Launch(
            spec=spec,
            owner=self._owner,
            login=spec.ssh_user or options.ssh_user,
            image_id=await images.image_id(cloud.calls, self._region, spec.image or options.image),
            host_key=await asyncio.to_thread(host_key, options.state_dir, f"{spec.key} {self._owner}"),
            doorway=await self._begin(cloud.doorways.of(self._region, spec.infra)),
        )
        used = [instance.generation for instance in look.dead if instance.owner == self._owner]
        generation = max(used, default=-1) + 1
        while self._made is None:
            try:
                made = await self._begin(cloud.calls.ec2(self._region, launch.call(self._region, generation)))
            except Refused as error:
                if code_of(error) != "IdempotentInstanceTerminated":
                    raise
            else:
                self._made = made if made.is_alive else None
            generation += 1

    async def _begin(self, work: Coroutine[Any, Any, T]) -> T:
        """A call that makes something cannot be broken off: who takes it back waits first for its end."""
        begun = self._begun = asyncio.create_task(work)
        return await asyncio.shield(begun)

    async def _ready(self) -> Server:
        """Waits until the instance that counts runs and can be told from all others."""
        patience = self._cloud.patience
        pause, unseen_until = patience.pause, asyncio.get_running_loop().time() + patience.shown
        while True:
            look = await self._look()
            alive = self._with_made(look)
            first = self._first(alive, look)
            self._check_same(first)
            await self._remove_surplus(alive[1:])
            is_shown = first is not self._made
            if is_shown and self._is_ready(first):
                if not self._is_to_be_kept(first):
                    return first.server(public=self._cloud.options.public)
                await self._cloud.instances.keep(first)
                await asyncio.sleep(patience.settled.total_seconds())
                continue
            if not is_shown and asyncio.get_running_loop().time() > unseen_until:
                raise Unavailable(f"AWS does not show {first.id}, which it has made for {self._spec.key}")
            if first.state == "stopped":
                await self._cloud.instances.start(first)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, patience.longest_pause)

    def _with_made(self, look: Look) -> Sequence[Instance]:
        """Those alive, in order, with the one that was made just now, which AWS may not show yet."""
        shown = {instance.id for instance in (*look.alive, *look.dead)}
        if self._made is None or self._made.id in shown:
            return look.alive
        return sorted((*look.alive, self._made), key=lambda instance: instance.order)

    def _first(self, alive: Sequence[Instance], look: Look) -> Instance:
        if alive:
            return alive[0]
        ended = next((i for i in look.dead if self._made is not None and i.id == self._made.id), None)
        if ended is not None:
            raise ended_by_itself(self._spec.key, *ended.state_reason)
        raise Unavailable(f"server {self._spec.key} went away while it was waited for")

    def _check_same(self, first: Instance) -> None:
        spec = self._spec
        must_fit(spec, first.plan, first.zone)

    def _is_ready(self, first: Instance) -> bool:
        """Raises Refused where it runs and will never have the address that is wanted."""
        has_settled = first.seen_at - first.launched >= self._cloud.patience.settled
        if first.state != "running" or not has_settled:
            return False
        if first.address(public=self._cloud.options.public) is None:
            raise Refused(
                f"server {self._spec.key}: its subnet in {first.zone} gives no public address; "
                "PROVISIONING_AWS_ADDRESS=private reaches servers at their private one"
            )
        return True

    def _is_to_be_kept(self, first: Instance) -> bool:
        is_found = self._made is None or self._made.id != first.id
        return is_found and first.owner == self._owner and not first.is_kept

    async def _remove_surplus(self, others: Sequence[Instance]) -> None:
        for surplus in (other for other in others if other.owner == self._owner):
            log.warning("%s is one too many for server %s and is removed", surplus.id, self._spec.key)
            await self._cloud.instances.terminate(surplus)

    async def _take_back(self, begun: asyncio.Task[Any]) -> None:
        """Removes what this attempt has made, or may have: nothing of the name was there before it.

        What another attempt has taken over meanwhile is that one's, and is left.
        """
        await asyncio.wait([begun])
        if not begun.cancelled() and begun.exception() is None and isinstance(begun.result(), Instance):
            self._made = begun.result()
        try:
            look = await self._look()
            for instance in self._with_made(look):
                if instance.owner == self._owner and not instance.is_kept:
                    await self._cloud.instances.terminate(instance)
            await self._cloud.doorways.tidy(self._region, self._spec.infra, tries=1)
        except ProvisioningError as error:
            # Whoever asked for the server clears up after us once more.
            log.warning("server %s could not be taken back: %s", self._spec.key, error)


def _may_be_tried_again(error: BaseException) -> bool:
    return isinstance(error, ProvisioningError) and error.retryable
