"""The audit log, as admins see it."""

from datetime import datetime

from pydantic import BaseModel, Field

from activities import audit_ports
from api.schemas.envelope import absent


class AuditEntry(BaseModel):
    id: str
    at: datetime
    username: str | None = Field(default=None, exclude_if=absent)
    roles: tuple[str, ...]
    address: str
    method: str
    path: str
    resources: dict[str, str]
    request_id: str
    status: int | None = Field(default=None, exclude_if=absent)

    @classmethod
    def of(cls, entry: audit_ports.AuditEntry) -> "AuditEntry":
        return cls.model_validate(entry, from_attributes=True)
