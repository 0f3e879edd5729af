"""What keeping locks needs from the world: to reach the list of an infra, and to know who still runs."""

from abc import abstractmethod

from temporalio import activity

from workflows.contracts.base import ActivityContract
from workflows.domain.locks import Lock, LockRequest
from workflows.domain.resources import Frozen


class LockWanted(Frozen):
    infra: str
    request: LockRequest


class LockActivities(ActivityContract):
    @activity.defn(name="ask_for_lock")
    @abstractmethod
    async def ask_for_lock(self, wanted: LockWanted) -> None:
        """Puts the request into its infra's list, which it begins where there is none yet. Idempotent."""

    @activity.defn(name="ended_holders")
    @abstractmethod
    async def ended_holders(self, locks: list[Lock]) -> list[str]:
        """The holders among these that work no more, and neither do operations that they started.

        One that was never started counts as such some time after it got its lock.
        """
