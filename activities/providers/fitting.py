"""Whether a server that is there is the one that is wanted."""

from workflows.domain.errors import Conflict
from workflows.domain.resources import Server, ServerSpec


def must_fit(wanted: ServerSpec, plan: str, zone: str) -> None:
    """Refuses a server of the wanted name that has another plan or stands in another zone.

    Raises:
        Conflict: with what there is and what was wanted.
    """
    if (plan, zone) != (wanted.plan, wanted.zone):
        raise Conflict(
            f"server {wanted.key} exists with plan {plan} in zone {zone}, not {wanted.plan} in {wanted.zone}"
        )


def called_off(server: Server) -> Conflict:
    """Why an attempt at a deletion that comes late leaves the server alone."""
    return Conflict(f"the deletion of server {server.key} has been called off")


def another_one(server: Server, owner: str) -> Conflict:
    """Why a server of the name is left alone: it was made by another owner, in the place of the one meant."""
    return Conflict(f"server {server.key} is another one now, made by {owner}")
