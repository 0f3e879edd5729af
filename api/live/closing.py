"""How connections end: the codes of WebSocket close frames, as the served contract lists them."""

BEGAN_ANEW = 1012
"""Also what the server sends when it stops: connect again."""
FLOOD = 1008
DEFECT = 1011
TOKEN_VOID = 4401
FORBIDDEN = 4403
TOO_SLOW = 4408


class ConnectionEnds(Exception):
    """The connection is over. `reason` is for the client: at most 123 bytes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TooSlow(Exception):
    """The client takes its events more slowly than they come."""


class ClientGone(Exception):
    """Nobody is there any more to be told anything."""
