"""What the API answers, as far as the demo looks at it."""

from pydantic import BaseModel

TERMINAL = frozenset({"Completed", "Failed", "Cancelled"})


class Operation(BaseModel):
    id: str
    status: str
    progress: float = 0.0
    task_id: str


class Batch(BaseModel):
    batch_id: str
    name: str
    status: str
    operations: list[Operation] = []
    error: str | None = None
    remaining: list[str] = []

    @property
    def has_ended(self) -> bool:
        return self.status in TERMINAL


class Task(BaseModel):
    id: str
    name: str
    status: str
    output: str | None = None
    error: str | None = None
    progress: float | None = None


class Progress(BaseModel):
    progress: float
    current_step: str = ""
    estimated_time_remaining: int | None = None


class Ssh(BaseModel):
    host: str
    port: int
    user: str


class TaskService(BaseModel):
    name: str
    address: str


class Server(BaseModel):
    name: str
    infra: str
    provider: str
    plan: str
    zone: str
    ssh: Ssh
    task_services: list[TaskService] = []
