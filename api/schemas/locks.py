"""Who works on which servers, and who waits for them: our addition to the contract."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.locks import LockOfInfra
from api.schemas.envelope import absent


class Lock(BaseModel):
    infra: str
    workflow_id: str
    what: str
    status: Literal["Held", "Waiting"]
    since: datetime
    servers: list[str] | None = Field(default=None, exclude_if=absent)

    @classmethod
    def of(cls, found: LockOfInfra) -> "Lock":
        lock = found.lock
        return cls(
            infra=found.infra,
            workflow_id=lock.holder,
            what=lock.what,
            status="Held" if lock.held else "Waiting",
            since=lock.since,
            servers=None if lock.names is None else list(lock.names),
        )
