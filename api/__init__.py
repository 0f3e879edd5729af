"""HTTP in front of the workflows: starts, signals, queries and reads, and nothing more.

`app.py` builds the application, `lifespan.py` is the composition root. Each tag of the contract has one file
in `routes/` and one in `schemas/`.
"""
