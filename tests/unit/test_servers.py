"""The server activities, with a provider and an inventory in memory."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.ledger_ports import InventoryItem
from activities.providers.registry import ProviderRegistry
from activities.servers import Servers
from tests.support.memory_provider import MemoryProvider
from tests.support.taskservs import MemoryInventory
from workflows.contracts.servers import ServerDeletion
from workflows.domain.actions import Cause, CreateServer, DeleteServer
from workflows.domain.effects import ActionResult, EffectKind, inverse
from workflows.domain.errors import InvalidRequest
from workflows.domain.operations import DeleteServersConfig
from workflows.domain.resources import Server, ServerSpec, Taskserv

_CAUSE = Cause(task_id="3a4f0f3e-64cd-44a3-9d07-111111111111")
_OTHER = Cause(task_id="3a4f0f3e-64cd-44a3-9d07-222222222222")


class World:
    def __init__(self, provider: MemoryProvider | None = None) -> None:
        self.provider = provider or MemoryProvider()
        self.inventory = MemoryInventory()
        self.servers = Servers(ProviderRegistry([self.provider]), self.inventory)
        self.environment = ActivityEnvironment()

    async def create(self, action: CreateServer) -> ActionResult:
        return await self.environment.run(self.servers.create_server, action)

    async def delete(self, action: DeleteServer) -> ActionResult:
        return await self.environment.run(self.servers.delete_server, action)

    async def abandon(self, action: CreateServer) -> None:
        await self.environment.run(self.servers.abandon_server, action)

    async def plan(
        self, *names: str, provider: str = "memory", known: tuple[Server, ...] = ()
    ) -> list[DeleteServer]:
        config = DeleteServersConfig.model_validate(
            {"operation": "delete", "server_configs": [{"name": name} for name in names]}
        )
        wanted = ServerDeletion(cause=_CAUSE, provider=provider, config=config, known=known)
        return await self.environment.run(self.servers.plan_server_deletion, wanted)


def create(
    cause: Cause = _CAUSE, name: str = "web-01", provider: str = "memory", **labels: str
) -> CreateServer:
    spec = ServerSpec(infra="default", name=name, provider=provider, plan="p", zone="z", labels=labels)
    return CreateServer(cause=cause, spec=spec)


async def made(world: World, action: CreateServer) -> Server:
    server = (await world.create(action)).server
    assert server is not None
    return server


async def test_creating_twice_has_one_effect_with_one_id() -> None:
    world, action = World(), create()
    first, second = await world.create(action), await world.create(action)
    assert [e.id for e in first.effects] == [e.id for e in second.effects] == [action.key]
    assert first.effects[0].kind is EffectKind.SERVER_CREATED
    assert first.effects[0].after == first.server
    assert first.note == "created server default/web-01 (ssh nobody@127.250.0.2:22)"


class Elsewhere(MemoryProvider):
    @property
    def name(self) -> str:
        return "elsewhere"


async def test_a_name_that_a_server_at_another_provider_has_is_refused() -> None:
    here, there = MemoryProvider(), Elsewhere()
    world = World(here)
    world.servers = Servers(ProviderRegistry([here, there]), world.inventory)
    server = await made(world, create())
    world.inventory.items.append(InventoryItem(server=server, task_id=_CAUSE.task_id))
    action = create(_OTHER, provider="elsewhere")
    with pytest.raises(ApplicationError, match="exists at provider memory, not elsewhere") as error:
        await world.create(action)
    assert (error.value.type, error.value.non_retryable) == ("Conflict", True)
    assert there.servers == {}
    # Once it is gone the name is free, also where the inventory is late.
    await here.delete(server)
    assert (await world.create(action)).effects[0].id == action.key


async def test_the_server_of_another_task_is_no_effect_of_this_one() -> None:
    world = World()
    await world.create(create())
    second = await world.create(create(_OTHER))
    assert second.effects == ()
    assert second.server is not None
    assert second.note == "server default/web-01 exists already, unchanged"


async def test_deleting_takes_what_stands_on_the_server_first() -> None:
    world = World()
    server = await made(world, create())
    redis = Taskserv(name="redis", server=server, address="127.0.0.1:6379", owner="x")
    action = DeleteServer(cause=_OTHER, server=server, taskservs=(redis,))
    first, again = await world.delete(action), await world.delete(action)
    assert [(e.kind, e.before, e.after) for e in first.effects] == [
        (EffectKind.TASKSERV_REMOVED, redis, None),
        (EffectKind.SERVER_DELETED, server, None),
    ]
    assert [e.id for e in first.effects] == [e.id for e in again.effects]
    assert world.provider.servers == {}


async def test_undoing_a_deletion_creates_the_server_as_an_effect_that_undoes_it() -> None:
    world = World()
    deleted = await world.delete(DeleteServer(cause=_OTHER, server=await made(world, create())))
    undo = inverse(deleted.effects[-1])
    assert isinstance(undo, CreateServer)
    result = await world.create(undo)
    assert [e.cause.undoes for e in result.effects] == [deleted.effects[-1].id]
    assert list(world.provider.servers) == ["default/web-01"]


async def test_abandoning_removes_its_own_server_and_no_other() -> None:
    world = World()
    await world.create(create())
    await world.abandon(create(_OTHER))
    assert list(world.provider.servers) == ["default/web-01"]
    await world.abandon(create())
    await world.abandon(create())
    assert world.provider.servers == {}


class Abandoning(MemoryProvider):
    """Knows by itself what an attempt may have left."""

    def __init__(self) -> None:
        super().__init__()
        self.abandoned: list[tuple[str, str]] = []

    async def abandon(self, spec: ServerSpec, owner: str) -> None:
        self.abandoned.append((spec.key, owner))


async def test_a_provider_that_knows_what_an_attempt_left_is_asked_to_clear_it_up() -> None:
    provider = Abandoning()
    world = World(provider)
    await world.create(create())
    await world.abandon(create(_OTHER))
    assert provider.abandoned == [("default/web-01", create(_OTHER).key)]


async def test_errors_tell_whether_a_retry_can_help() -> None:
    world = World()
    for action, kind, final in [
        (create(fail_create="refused"), "Refused", True),
        (create(fail_create="unavailable"), "Unavailable", False),
        (create(provider="moon"), "InvalidRequest", True),
    ]:
        with pytest.raises(ApplicationError) as caught:
            await world.create(action)
        assert (caught.value.type, caught.value.non_retryable) == (kind, final)


async def test_a_cancelled_creation_is_cancelled_at_the_provider() -> None:
    world = World()
    creation = asyncio.create_task(world.create(create(hold="yes")))
    await asyncio.sleep(0.01)
    world.environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creation
    assert world.provider.servers == {}


async def test_plans_deletions_from_the_inventory_and_from_what_the_batch_made() -> None:
    world = World()
    stored, fresh = await made(world, create()), await made(world, create(name="web-02"))
    redis = Taskserv(name="redis", server=stored, address="127.0.0.1:6379", owner="x")
    world.inventory.items = [InventoryItem(server=stored, task_id="t", taskservs=(redis,))]
    plan = await world.plan("web-02", "web-01", "web-02", known=(fresh,))
    assert [(a.server, a.taskservs) for a in plan] == [(fresh, ()), (stored, (redis,))]


async def test_a_server_made_anew_in_the_batch_outweighs_the_inventory() -> None:
    world = World()
    new = await made(world, create())
    old = new.model_copy(update={"owner": "somebody else"})
    world.inventory.items = [InventoryItem(server=old, task_id="t")]
    assert [a.server for a in await world.plan("web-01", known=(new,))] == [new]


async def test_planning_names_all_that_is_missing_or_elsewhere() -> None:
    world = World()
    server = await made(world, create())
    world.inventory.items = [InventoryItem(server=server, task_id="t")]
    with pytest.raises(ApplicationError, match="no server web-08, web-09") as caught:
        await world.plan("web-08", "web-01", "web-09")
    assert caught.value.type == "NotFound"
    with pytest.raises(ApplicationError, match=r"not servers of provider local: web-01 \(memory\)") as caught:
        await world.plan("web-01", provider="local")
    assert caught.value.type == "InvalidRequest"


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    registry = ProviderRegistry([MemoryProvider()])
    assert registry.names() == ["memory"]
    with pytest.raises(InvalidRequest, match="no provider 'moon'; there are: memory"):
        registry.get("moon")
