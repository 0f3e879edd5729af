"""Random batches: what is sent, and what it must do to the model's world."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.algebra.model import Thing, Value, World, put

SERVERS = ("a", "b", "c")
PLANS = ("1xCPU-1GB", "2xCPU-4GB")
ZONES = ("local", "local-b")
PORTS = {"beacon": 7070, "echo": 7071, "flaky": 7072}
REQUIRES: Mapping[str, Collection[str]] = {"echo": ("beacon",)}
"""As the test catalogue says."""
SERVICES = ("beacon", "echo", "flaky")
"""In an order in which what is needed comes first."""
OPERATION_IDS = ("first", "second", "third")
"""Few, so that an operation's id alone means several."""

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class Operation:
    id: str
    body: dict[str, Any]
    """As it is sent, but for its infra."""
    effects: list[tuple[Thing, Value | None]]
    """What it makes of each thing, in order."""
    servers: frozenset[str]

    def __str__(self) -> str:
        config, needs = self.body["config"], ", ".join(self.body["dependencies"])
        things = ", ".join(map(_told, config.get("server_configs") or config["taskservs"]))
        where = f" on {', '.join(config['servers'])}" if "servers" in config else ""
        after = f" after {needs}" if needs else ""
        return f"{self.id}{after}: {config.get('operation', 'create')} {things}{where}"


@dataclass
class Batch:
    operations: list[Operation] = field(default_factory=list)
    parallel_limit: int = 5
    rollback_enabled: bool = True
    fails: bool = False
    """By its last operation, which depends on all others and has no effects."""

    def body(self, infra: str) -> dict[str, Any]:
        """As it is sent."""
        bodies = [operation.body for operation in self.operations]
        return {
            "name": "a batch",
            "parallel_limit": self.parallel_limit,
            "rollback_enabled": self.rollback_enabled,
            "operations": [body | {"config": {"infra": infra, **body["config"]}} for body in bodies],
        }

    def __str__(self) -> str:
        end = f" and fails, rollback_enabled={self.rollback_enabled}" if self.fails else ""
        return f"[{'; '.join(map(str, self.operations))}]{end}"


def draw_batch(draw: Draw, world: World) -> Batch:
    """A batch that succeeds: up to three operations, one after the other where they meet on a server."""
    batch = Batch(parallel_limit=draw(st.sampled_from((1, 2, 5))))
    world = dict(world)
    for name in OPERATION_IDS[: draw(st.sampled_from((1, 1, 2, 3)))]:
        kind = draw(st.sampled_from(_possible(world, batch.operations)))
        operation = kind(draw, world, name, batch.operations)
        batch.operations.append(operation)
        for thing, after in operation.effects:
            put(world, thing, after)
    return batch


def with_failure(draw: Draw, batch: Batch, world: World) -> Batch:
    """The batch with one more operation, that comes last and fails."""
    world = dict(world)
    for operation in batch.operations:
        for thing, after in operation.effects:
            put(world, thing, after)
    needs = [operation.id for operation in batch.operations]
    servers = _servers(world)
    if servers and draw(st.booleans()):
        server = draw(st.sampled_from(servers))
        how = "configure" if Thing(server, "flaky") in world else "create"
        taskservs = [{"name": "flaky", "params": {"fail": how, "message": "never"}}]
        body = _body("fails", "taskserv_batch", needs, taskservs=taskservs, servers=[server])
    else:
        body = _body("fails", "server_batch", needs, operation="delete", server_configs=[{"name": "nobody"}])
    failing = Operation("fails", body, [], frozenset())
    return Batch([*batch.operations, failing], batch.parallel_limit, draw(st.booleans()), fails=True)


Drawer = Callable[[Draw, World, str, Sequence[Operation]], Operation]


def _possible(world: World, before: Sequence[Operation]) -> list[Drawer]:
    found: list[Drawer] = [_creation] if _unmade(before) else []
    if _servers(world):
        found += [_installation, _installation, _deletion]
    if any(thing.service for thing in world):
        found += [_reconfiguration, _removal]
    return found


def _creation(draw: Draw, world: World, name: str, before: Sequence[Operation]) -> Operation:
    configs: list[dict[str, Any]] = []
    effects: list[tuple[Thing, Value | None]] = []
    for server in _few(draw, _unmade(before)):
        there = world.get(Thing(server))
        if there is not None:
            # Once more changes nothing, whatever its labels.
            config = {"name": server, "plan": there["plan"], "zone": there["zone"]}
        else:
            spec = {"plan": draw(st.sampled_from(PLANS)), "zone": draw(st.sampled_from(ZONES))}
            labels = draw(st.sampled_from(({}, {"role": "web"})))
            config = {"name": server, **spec, "labels": labels}
            effects.append((Thing(server), spec | {"labels": labels}))
        configs.append(config)
    servers = frozenset(config["name"] for config in configs)
    body = _body(name, "server_batch", _needs(before, servers), server_configs=configs)
    return Operation(name, body, effects, servers)


def _deletion(draw: Draw, world: World, name: str, before: Sequence[Operation]) -> Operation:
    chosen = _few(draw, _servers(world))
    effects: list[tuple[Thing, Value | None]] = []
    for server in chosen:
        services = [s for s in reversed(SERVICES) if Thing(server, s) in world]
        effects += [(Thing(server, service), None) for service in services]
        effects.append((Thing(server), None))
    configs = [{"name": server} for server in chosen]
    needs = _needs(before, chosen)
    body = _body(name, "server_batch", needs, operation="delete", server_configs=configs)
    return Operation(name, body, effects, frozenset(chosen))


def _installation(draw: Draw, world: World, name: str, before: Sequence[Operation]) -> Operation:
    wanted = {service: draw(st.sampled_from(_params(service))) for service in _few(draw, SERVICES)}
    taskservs = [{"name": service, "params": params} for service, params in wanted.items()]
    chosen, config = _targets(draw, world, before)
    effects: list[tuple[Thing, Value | None]] = []
    for server in chosen:
        needed = {need for service in wanted for need in REQUIRES.get(service, ())}
        for service in SERVICES:
            if service in wanted or service in needed:
                now = world.get(Thing(server, service), _defaults(service))
                effects.append((Thing(server, service), {**now, **wanted.get(service, {})}))
    body = _body(name, "taskserv_batch", _needs(before, chosen), taskservs=taskservs, **config)
    return Operation(name, body, effects, frozenset(chosen))


def _reconfiguration(draw: Draw, world: World, name: str, before: Sequence[Operation]) -> Operation:
    target = draw(st.sampled_from(sorted(thing for thing in world if thing.service)))
    params = draw(st.sampled_from([some for some in _params(target.service) if some]))
    taskservs, servers = [{"name": target.service, "params": params}], [target.server]
    config = {"operation": "configure", "taskservs": taskservs, "servers": servers}
    body = _body(name, "taskserv_batch", _needs(before, servers), **config)
    return Operation(name, body, [(target, {**world[target], **params})], frozenset([target.server]))


def _targets(
    draw: Draw, world: World, before: Sequence[Operation]
) -> tuple[Sequence[str], dict[str, list[str]]]:
    """The servers, by name or as those that the only operation before made or looked at."""
    if len(before) == 1 and before[0].body["type"] == "server_batch" and draw(st.booleans()):
        made = sorted(before[0].servers)
        if all(Thing(server) in world for server in made):
            return made, {}
    chosen = _few(draw, _servers(world))
    return chosen, {"servers": chosen}


def _removal(draw: Draw, world: World, name: str, before: Sequence[Operation]) -> Operation:
    there = sorted(thing for thing in world if thing.service)
    target = draw(st.sampled_from(there))
    names = [target.service]
    names += [
        s for s in SERVICES if target.service in REQUIRES.get(s, ()) and Thing(target.server, s) in world
    ]
    effects: list[tuple[Thing, Value | None]] = [
        (Thing(target.server, service), None) for service in reversed(SERVICES) if service in names
    ]
    config = {"operation": "delete", "taskservs": names, "servers": [target.server]}
    body = _body(name, "taskserv_batch", _needs(before, [target.server]), **config)
    return Operation(name, body, effects, frozenset([target.server]))


def _params(service: str) -> list[dict[str, object]]:
    port = PORTS[service]
    return [
        {},
        {"message": "one"},
        {"message": "two"},
        {"port": port + 100},
        {"port": port, "message": "it's 3"},
    ]


def _defaults(service: str) -> dict[str, object]:
    message = {"beacon": "here", "echo": "echo", "flaky": "flaky"}[service]
    more = {"fail": "never", "seconds": 0} if service == "flaky" else {}
    return {"port": PORTS[service], "message": message, **more}


def _told(thing: str | Mapping[str, Any]) -> str:
    """A server or task service as it is wanted, in few words."""
    return thing if isinstance(thing, str) else " ".join(str(value) for value in thing.values() if value)


def _few(draw: Draw, things: Sequence[str]) -> list[str]:
    """Mostly one: each takes its time."""
    first, *more = draw(st.permutations(things))
    return [first, *more[: draw(st.sampled_from((0, 0, 0, 1)))]]


def _body(name: str, kind: str, needs: Sequence[str], **config: object) -> dict[str, Any]:
    return {
        "id": name,
        "type": kind,
        "provider": "local",
        "dependencies": needs,
        "config": config,
    }


def _unmade(before: Sequence[Operation]) -> list[str]:
    """A batch makes no server twice."""
    made = {
        config["name"]
        for operation in before
        for config in operation.body["config"].get("server_configs", ())
        if "operation" not in operation.body["config"]
    }
    return [server for server in SERVERS if server not in made]


def _needs(before: Sequence[Operation], servers: Collection[str]) -> list[str]:
    return [operation.id for operation in before if operation.servers & set(servers)]


def _servers(world: World) -> list[str]:
    return sorted(thing.server for thing in world if not thing.service)
