"""The live event stream behind `/ws`: one follower of the event log in each API process, and its clients.

subscription.py  what a client asks for        messages.py   events as they are sent
follower.py      reads the log as it grows     hub.py        hands each event to every client
session.py       one client's connection       guard.py      whether its token still holds
replay.py        the past, joined to the live  places.py     how many connections there may be
closing.py       how a connection ends         events.py     all of it, put together
"""
