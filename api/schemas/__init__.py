"""What goes in and out over HTTP, one file for each tag of the contract.

    authentication.py     Authentication          state_management.py   State Management
    batch_operations.py   Batch Operations        tasks.py              Tasks
    inventory.py          (ours) Inventory        workflows.py          Workflows
    rollback.py           Rollback                envelope.py           what all answers share

Requests are strict and are checked from the JSON text itself (`api/body.py`).
"""
