"""The command line: a client of the API over HTTP and WebSocket alone.

With the service it shares shapes and rules (`api/schemas/`, `workflows/domain/`), and nothing that acts.

`app.py` puts the commands together, `commands/` has one module for each group of them. `session.py` makes
calls as the user who is logged in, `client.py` is HTTP; `starting.py` starts work, `waiting.py` waits for its
end and `following/` shows it live; `batchfile/` reads and checks batches, `single.py` makes them of options;
`plan.py` shows what would be done, `checking.py` asks for it.
"""
