"""The routes, one file for each tag of the contract. `api/permissions.py` says who may call them.

    authentication.py     Authentication          state_management.py   State Management
    batch_operations.py   Batch Operations        tasks.py              Tasks
    health.py             Health                  inventory.py          (ours) what exists, and the ledger
    documentation.py      (ours) the contract as it is served

Tags without a file yet are `workflows.py` (Workflows), `rollback.py` (Rollback) and `websocket.py`.
"""

from api.routes import (
    authentication,
    batch_operations,
    documentation,
    health,
    inventory,
    state_management,
    tasks,
)

ROUTERS = (
    health.router,
    authentication.router,
    tasks.router,
    batch_operations.router,
    state_management.router,
    inventory.router,
    documentation.router,
)
