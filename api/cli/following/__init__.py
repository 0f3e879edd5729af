"""Work at the service, followed live.

events.py    what the service tells              stream.py   it, over connections that come and go
work.py      how what is followed stands         pace.py     how long it may still take
follow.py    the three of them, put together     show.py     where it is shown
bars.py      on a terminal                       lines.py    elsewhere
"""
