"""What the world must be like, told without a line of the product: a mapping, copies of it, and its changes.

A change is a thing, what it was before, what it was after, and the tasks that made it, undid it, did it
again, in turn. Going back to a checkpoint is going back to the copy. Undoing tasks turns over what still
stands of their doing, and is refused where others have gone on from there: where something that concerns it
is not as it was when it was last turned, where a service would be left without another that it needs, or
where several states of one thing would come back. What needs each other concerns each other where both came,
or both went: what came last goes first, and what went last comes back first, even where another of its kind
came in its place. Or else one day a rollback of it all would find no order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Value = Mapping[str, object]
"""A server's plan, zone and labels; a task service's parameters."""


@dataclass(frozen=True, order=True)
class Thing:
    """A server, or a task service on it."""

    server: str
    service: str = ""

    def __str__(self) -> str:
        return f"{self.server}/{self.service}" if self.service else self.server

    def concerns(self, other: "Thing") -> bool:
        """Whether what is done to the one is not independent of what is done to the other."""
        return self.server == other.server and (
            self.service == other.service or not self.service or not other.service
        )


World = dict[Thing, Value]


def put(world: World, thing: Thing, value: Value | None) -> None:
    """Makes it so; None where nothing is."""
    if value is None:
        world.pop(thing, None)
    else:
        world[thing] = value


@dataclass
class Change:
    thing: Thing
    before: Value | None
    after: Value | None
    tasks: list[str]
    """Who did it, undid it, did it again, and so on."""
    turned: int = 0
    """When that last happened."""
    beside: frozenset[int] = frozenset()
    """The changes that stood then."""

    @property
    def stands(self) -> bool:
        return len(self.tasks) % 2 == 1

    @property
    def last_turn(self) -> Literal["came", "went", "changed"]:
        """What became of the thing when that happened."""
        was, became = (self.before, self.after) if self.stands else (self.after, self.before)
        if was is None:
            return "came"
        return "went" if became is None else "changed"

    def is_done_by(self, tasks: Collection[str]) -> bool:
        """Whether what these did to it still counts: it was turned an even number of times since."""
        first = next((place for place, task in enumerate(self.tasks) if task in tasks), None)
        return first is not None and (len(self.tasks) - first) % 2 == 1


@dataclass(frozen=True)
class Checkpoint:
    world: World
    standing: frozenset[int]


@dataclass(frozen=True)
class Refusal:
    """What is asked for cannot be."""

    status: int
    why: str


@dataclass
class Model:
    requires: Mapping[str, Collection[str]]
    world: World = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    operations: dict[str, str] = field(default_factory=dict)
    """Tasks of batches, by their operation's id; rollbacks are tasks without one."""
    rollbacks: list[str] = field(default_factory=list)
    turns: int = 0
    """How often a change was made, undone or done again: each of it stands in the ledger once."""

    # Going forward

    def change(self, task: str, thing: Thing, after: Value | None) -> None:
        """What a task does to a thing; nothing where it is so already."""
        before = self.world.get(thing)
        if before == after:
            return
        self.changes.append(Change(thing, before, after, []))
        self._turn(len(self.changes) - 1, task)

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(dict(self.world), self._standing())

    # Going back

    def take_back(self, tasks: Collection[str]) -> None:
        """What a batch does with what it did itself."""
        left = [n for n, change in enumerate(self.changes) if change.stands and change.tasks[0] in tasks]
        for number in self._last_first(left):
            self._turn(number, self.changes[number].tasks[0])

    def back_to(self, checkpoint: Checkpoint) -> list[int]:
        """The changes that must be turned over, the last one first."""
        return self._last_first(self._standing() ^ checkpoint.standing)

    def of_tasks(self, tasks: Collection[str]) -> list[int] | Refusal:
        """The changes that must be turned over so that these tasks did nothing."""
        chosen = self._last_first(n for n, change in enumerate(self.changes) if change.is_done_by(tasks))
        for number in chosen:
            moved = self._standing() ^ self.changes[number].beside
            moved = frozenset(n for n in moved.difference(chosen) if self._concerns(n, number))
            if moved:
                return Refusal(409, f"{self._named(number)}: others went on: {self._named(*sorted(moved))}")
        if why := self._contradiction(chosen):
            return Refusal(409, why)
        if missing := self._missing(self._turned(chosen)):
            return Refusal(409, f"needed: {missing}")
        return chosen

    def turn_over(self, chosen: Iterable[int], task: str) -> None:
        for number in chosen:
            self._turn(number, task)

    def objection(self, chosen: Iterable[int], things: Sequence[str]) -> str:
        """Why these changes cannot be turned over in this order of things; empty where they can be."""
        left = list(chosen)
        world = self.world
        for name in things:
            number = next(n for n in left if str(self.changes[n].thing) == name)
            left.remove(number)
            change = self.changes[number]
            if world.get(change.thing) != (change.after if change.stands else change.before):
                return f"{name} is not as it was left"
            world = self._turned([number], world=world)
            if missing := self._missing(world):
                return f"after {name}, needed: {missing}"
        return ""

    def _contradiction(self, chosen: Iterable[int]) -> str:
        """Where one of these, turned over, would not find what it left, since another came first."""
        world = self.world
        for number in chosen:
            change = self.changes[number]
            if world.get(change.thing) != (change.after if change.stands else change.before):
                return f"{self._named(number)} is one of several states"
            world = self._turned([number], world=world)
        return ""

    def of_operation(self, name: str) -> list[str]:
        """The tasks that bear this operation's id and of whose doing something is left."""
        tasks = [task for task, operation in self.operations.items() if operation == name]
        return [task for task in tasks if any(change.is_done_by([task]) for change in self.changes)]

    def _turn(self, number: int, task: str) -> None:
        change = self.changes[number]
        self.world = self._turned([number])
        change.tasks.append(task)
        self.turns += 1
        change.turned = self.turns
        change.beside = self._standing()

    def _turned(self, chosen: Iterable[int], *, world: World | None = None) -> World:
        """The world, or this one, with these changes turned over."""
        turned = dict(self.world if world is None else world)
        for number in chosen:
            change = self.changes[number]
            put(turned, change.thing, change.before if change.stands else change.after)
        return turned

    def _missing(self, world: World) -> list[str]:
        """Services that stand there without their server, or without what else they need."""
        return [
            f"{Thing(thing.server, needed)} of {thing}"
            for thing in sorted(world)
            if thing.service
            for needed in ("", *self.requires.get(thing.service, ()))
            if Thing(thing.server, needed) not in world
        ]

    def _standing(self) -> frozenset[int]:
        return frozenset(number for number, change in enumerate(self.changes) if change.stands)

    def _concerns(self, other: int, number: int) -> bool:
        """Whether what the one last did stands on, or takes the ground from, what the other did."""
        later, change = self.changes[other], self.changes[number]
        if later.thing.concerns(change.thing):
            return True
        if later.thing.server != change.thing.server:
            return False
        match later.last_turn, change.last_turn:
            case "came", "came":
                return change.thing.service in self.requires.get(later.thing.service, ())
            case "went", "went":
                return later.thing.service in self.requires.get(change.thing.service, ())
        return False

    def _last_first(self, numbers: Iterable[int]) -> list[int]:
        return sorted(numbers, key=lambda number: -self.changes[number].turned)

    def _named(self, *numbers: int) -> str:
        return ", ".join(f"{self.changes[n].thing} ({self.changes[n].tasks[-1]})" for n in numbers)
