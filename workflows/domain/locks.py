"""Locks on servers: who may touch which, who waits for whom, and in which order.

The locks of an infra are one list, in the order in which they were asked for. A lock is granted once it
shares no server with any lock before it, granted or not. So whoever asked first is served first, nobody
starves, and since each asks for all its servers of an infra at once, and for one infra after another in
the order of their names, no two can wait for each other.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from workflows.domain.resources import Frozen
from workflows.domain.touching import Touch, expanded

MAX_TOLD = 20
"""So many of those who wait are told whenever whom they wait for changes; the others when they get there."""

MAX_NAMED = 3
"""Locks that one who waits is told of."""


class LockRequest(Frozen):
    """Servers of one infra that somebody is going to touch."""

    holder: str
    """Id of the workflow that wants to."""
    what: str
    """The holder in a few words for people, such as `batch nightly`."""
    names: tuple[str, ...] | None
    """Servers, as in `Touch`. None: any of the infra."""
    at: datetime


class Lock(Frozen):
    """A lock that is held, or waited for."""

    holder: str
    what: str
    names: tuple[str, ...] | None
    since: datetime
    """When it was asked for or, once it is held, when it was granted."""
    held: bool = False
    listening: bool = True
    """Whether the holder is a workflow that runs already, and is to be told."""


class LockNews(Frozen):
    """What the holder of a lock is told."""

    infra: str
    held: bool
    behind: tuple[Lock, ...] = ()
    """Whom it waits for: the first of them."""
    ahead: int = 0
    """How many it waits for."""


class LockTable:
    """The locks of one infra. Pure bookkeeping: no clock, no input or output."""

    def __init__(self, locks: Iterable[Lock] = ()) -> None:
        self._locks = {lock.holder: lock for lock in locks}
        self._names: dict[str, frozenset[str] | None] = {}

    @property
    def locks(self) -> tuple[Lock, ...]:
        """In the order in which they were asked for."""
        return tuple(self._locks.values())

    @property
    def waiting(self) -> list[Lock]:
        return [lock for lock in self._locks.values() if not lock.held]

    def of(self, holder: str) -> Lock | None:
        return self._locks.get(holder)

    def ask(self, request: LockRequest, *, listening: bool = True) -> None:
        """Puts a request at the end. Who is in the list already keeps the place, and is told again."""
        known = self._locks.get(request.holder)
        if known is None:
            known = Lock(
                holder=request.holder,
                what=request.what,
                names=request.names,
                since=request.at,
                listening=listening,
            )
        self._locks[request.holder] = known.model_copy(update={"listening": known.listening or listening})

    def remove(self, holder: str) -> None:
        self._locks.pop(holder, None)
        self._names.pop(holder, None)

    def withdraw(self, holder: str) -> None:
        """Removes what nobody listens for."""
        if holder in self._locks and not self._locks[holder].listening:
            self.remove(holder)

    def in_the_way(self, request: LockRequest) -> list[Lock]:
        """The locks that a request would have to wait for, were it made now."""
        names = _expanded(request.names)
        return [
            lock
            for lock in self._locks.values()
            if lock.holder != request.holder and _meet(names, self._names_of(lock))
        ]

    def grant(self, now: datetime) -> None:
        """Grants what can be granted."""
        taken: set[str] = set()
        everything = False
        for lock in self.locks:
            names = self._names_of(lock)
            free = not everything and (not taken if names is None else taken.isdisjoint(names))
            if free and not lock.held:
                self._locks[lock.holder] = lock.model_copy(update={"held": True, "since": now})
            everything = everything or names is None
            taken.update(names or ())

    def blocking(self) -> list[Lock]:
        """The locks that are held and waited for."""
        found: dict[str, Lock] = {}
        for lock in self.waiting[:MAX_TOLD]:
            found |= {other.holder: other for other in self._before(lock) if other.held}
        return list(found.values())

    def news(self, infra: str) -> dict[str, LockNews]:
        """What each listening holder should know by now; of those that wait, the first ones."""
        told = {lock.holder for lock in self.waiting[:MAX_TOLD]}
        return {
            lock.holder: self._news(infra, lock)
            for lock in self._locks.values()
            if lock.listening and (lock.held or lock.holder in told)
        }

    def _news(self, infra: str, lock: Lock) -> LockNews:
        if lock.held:
            return LockNews(infra=infra, held=True)
        before = self._before(lock)
        return LockNews(infra=infra, held=False, behind=tuple(before[:MAX_NAMED]), ahead=len(before))

    def _before(self, lock: Lock) -> list[Lock]:
        names = self._names_of(lock)
        found: list[Lock] = []
        for other in self._locks.values():
            if other.holder == lock.holder:
                break
            if _meet(names, self._names_of(other)):
                found.append(other)
        return found

    def _names_of(self, lock: Lock) -> frozenset[str] | None:
        if lock.holder not in self._names:
            self._names[lock.holder] = _expanded(lock.names)
        return self._names[lock.holder]


def _expanded(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(expanded(names))


def _meet(some: Collection[str] | None, others: Collection[str] | None) -> bool:
    if some is None or others is None:
        return True
    return not frozenset(some).isdisjoint(others)


def requests(holder: str, what: str, touched: Iterable[Touch], at: datetime) -> list[tuple[str, LockRequest]]:
    """What to ask for, infra by infra, in the one order in which everybody asks."""
    return [
        (touch.infra, LockRequest(holder=holder, what=what, names=touch.names, at=at))
        for touch in sorted(touched, key=lambda touch: touch.infra)
        if touch.names is None or touch.names
    ]


def waits_for(news: LockNews) -> str:
    """Whom a holder waits for, in a sentence for people."""
    named = ", ".join(
        f"{lock.what} ({lock.holder}), which {_standing(lock)} {lock.since:%Y-%m-%d %H:%M:%S} UTC"
        for lock in news.behind
    )
    more = f" and {news.ahead - len(news.behind)} more" if news.ahead > len(news.behind) else ""
    return f"waiting for servers of infra {news.infra}: behind {named}{more}"


def _standing(lock: Lock) -> str:
    return "holds them since" if lock.held else "waits since"
