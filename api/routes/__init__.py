"""The routes, one file for each tag of the contract. `api/permissions.py` says who may call them.

authentication.py     Authentication          state_management.py   State Management
batch_operations.py   Batch Operations        tasks.py              Tasks
health.py             Health                  inventory.py          (ours) what exists, and the ledger
workflows.py          Workflows               users.py              (ours) users, for admins
rollback.py           Rollback                documentation.py      (ours) the contract as it is served
websocket.py          WebSocket               locks.py              (ours) who works on which servers
codec.py              (ours) payloads for the Temporal UI
audit.py              (ours) who did what, for admins
metrics.py            (ours) what Prometheus reads
control_center.py     (ours) the page
"""

from api.routes import (
    audit,
    authentication,
    batch_operations,
    codec,
    control_center,
    documentation,
    health,
    inventory,
    locks,
    metrics,
    rollback,
    state_management,
    tasks,
    users,
    websocket,
    workflows,
)

ROUTERS = (
    health.router,
    authentication.router,
    tasks.router,
    workflows.router,
    batch_operations.router,
    state_management.router,
    inventory.router,
    locks.router,
    users.router,
    rollback.router,
    websocket.router,
    codec.router,
    audit.router,
    metrics.router,
    documentation.router,
    control_center.router,
)
