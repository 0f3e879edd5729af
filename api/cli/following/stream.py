"""The live events, over as many connections as it takes: nothing is missed in between."""

import time
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from api.cli.client import is_loopback
from api.cli.errors import Refused, Unreachable
from api.cli.following.events import KINDS, Event, event
from api.cli.session import Credentials, Session

PATIENCE = 300.0
"""Seconds for which the service may be away before it is given up."""

_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 0.5
_PAUSES = (0.2, 0.5, 1.0, 2.0, 3.0)
"""Seconds between two attempts to connect; the last one again and again."""

_FORBIDDEN = 4403
_SEQUENCE = "X-Event-Sequence"


class EventStream:
    """Events from its entering on. `next` connects again by itself, with `since`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._used: Credentials | None = None
        self._renewed: Credentials | None = None
        self._since: int | None = None
        self._open = ExitStack()
        self._connection: ClientConnection | None = None
        self._attempts = 0
        self._lost_at = 0.0
        self._next_attempt = 0.0
        self.connected = 0
        """How often it was connected: whoever sees it grow reads how things stand once more."""
        self.trouble = ""
        """Why there is no connection right now; empty where there is one."""

    def __enter__(self) -> Self:
        """Raises what the first connection meets: Unreachable, NotLoggedIn, Refused."""
        self._lost_at = time.monotonic()
        self._connect()
        if self._connection is None:
            raise Unreachable(self.trouble)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def next(self, seconds: float) -> Event | None:
        """The next event; None where none that is known comes in so many seconds.

        Raises:
            NotLoggedIn, Refused: the service does not let this person follow events any more.
            Unreachable: it has been away for too long.
        """
        if self._connection is None:
            wait = self._next_attempt - time.monotonic()
            if wait > 0:
                time.sleep(min(wait, seconds))
                return None
            self._connect()
            return None
        try:
            found = event(self._connection.recv(timeout=seconds))
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            self._ended(closed)
            return None
        if found is not None and found.metadata.sequence is not None:
            self._since = found.metadata.sequence
        return found

    def _connect(self) -> None:
        """Leaves `trouble` where it does not succeed, and trying again may help."""
        try:
            self._used, self._renewed = self._renewed or self._session.credentials(), None
            self._connection = self._open.enter_context(self._dial(self._used))
            self._note_beginning(self._connection)
        except InvalidStatus as error:
            self._refused(error)
        except (OSError, EOFError, WebSocketException) as error:
            self._failed(str(error) or type(error).__name__)
        except Unreachable as error:  # the token had to be exchanged
            self._failed(str(error))
        else:
            self._attempts, self.trouble = 0, ""
            self.connected += 1

    def _dial(self, credentials: Credentials) -> AbstractContextManager[ClientConnection]:
        query: dict[str, str | int] = {"events": ",".join(KINDS)}
        if self._since is not None:
            query["since"] = self._since
        scheme, _, rest = credentials.server.partition("://")
        return connect(
            f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?{urlencode(query)}",
            # Not in the query, which is logged on the way.
            additional_headers={"Authorization": f"Bearer {credentials.token.value}"},
            proxy=None if is_loopback(credentials.server) else True,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            max_size=None,
        )

    def _note_beginning(self, connection: ClientConnection) -> None:
        """So that nothing is missed if it ends before the first event."""
        told = connection.response.headers.get(_SEQUENCE, "") if connection.response else ""
        if self._since is None and told.isdecimal():
            self._since = int(told)

    def _refused(self, error: InvalidStatus) -> None:
        status = error.response.status_code
        match status:
            case 401:
                self._renew()
            case 422 if self._since is not None:
                # It is another log now, which has no such number.
                self._since = None
                self._failed("the service began its log anew")
            case 429 | 500 | 502 | 503 | 504:
                self._failed(f"the service answered {status}")
            case _:
                raise Refused(f"the service does not tell its events: {status}", status) from None

    def _renew(self) -> None:
        """Takes the token that another command line has stored meanwhile. Raises NotLoggedIn without."""
        if self._used is not None:
            self._renewed = self._session.other_credentials(self._used)
        self._failed("the login was renewed")

    def _ended(self, closed: ConnectionClosed) -> None:
        self._open.close()
        self._connection = None
        self._lost_at = self._next_attempt = time.monotonic()
        reason = closed.rcvd.reason if closed.rcvd is not None else ""
        if closed.rcvd is not None and closed.rcvd.code == _FORBIDDEN:
            raise Refused(reason or "this user may not follow events any more", 403) from None
        # What has become of the token is seen at the next handshake.
        self.trouble = reason or "the connection was lost"

    def _failed(self, why: str) -> None:
        self.trouble = why
        if time.monotonic() - self._lost_at > PATIENCE:
            raise Unreachable(f"the service has been away for {PATIENCE:.0f} seconds: {why}")
        pause = _PAUSES[min(self._attempts, len(_PAUSES) - 1)]
        self._attempts += 1
        self._next_attempt = time.monotonic() + pause
