"""The live events: what the routes serve, and where others bring theirs in."""

from starlette.websockets import WebSocket

from activities.ports import EventLog, EventSignals
from api.accounts import Accounts
from api.credentials import SUBPROTOCOL, Credential
from api.live.follower import Follower
from api.live.guard import Guard
from api.live.hub import Hub
from api.live.messages import message
from api.live.places import Places
from api.live.replay import Replay
from api.live.session import Session
from api.live.subscription import Subscription
from api.permissions import Role
from workflows.domain.errors import InvalidRequest, Unavailable
from workflows.domain.events import Event

SEQUENCE_HEADER = b"X-Event-Sequence"
"""In the answer to the handshake: the number behind which the events begin."""


class LiveEvents:
    """One in each API process."""

    def __init__(self, event_log: EventLog, signals: EventSignals, accounts: Accounts) -> None:
        self._log = event_log
        self._hub = Hub()
        self._follower = Follower(event_log, signals, self._hub)
        self._guard = Guard(accounts)
        self._places = Places()

    async def follow(self) -> None:
        """Hands on what is written to the log, by whichever process, until it is cancelled."""
        await self._follower.run()

    async def publish(self, event: Event) -> None:
        """Writes the event down for all clients of all processes.

        While the log is away this process's clients get it at once, without a sequence number; so it cannot
        be replayed, and one whose writing was not confirmed may come again with its number.
        """
        try:
            await self._log.append([event])
        except Unavailable:
            self.hand_on(event)

    def hand_on(self, event: Event) -> None:
        """Gives the event to this process's clients alone, past the log and without a sequence number."""
        self._hub.hand_on(message(event))

    async def serve(
        self, websocket: WebSocket, asked: Subscription, credential: Credential, needed: Role
    ) -> None:
        """Accepts the client and sends it what it asked for, until either of them ends it.

        Raises:
            InvalidRequest: `since` is behind the end of the log.
            TooManyConnections, Unavailable: not now. All of these before the client is accepted.
        """
        with self._places.taken(credential.user.id):
            position = await self._start_of(asked)
            replay = Replay(self._log, self._hub, asked.wanted, position)
            try:
                await websocket.accept(
                    # Without the one that holds a token: an answer says what was chosen.
                    SUBPROTOCOL if SUBPROTOCOL in websocket.scope.get("subprotocols", ()) else None,
                    headers=[(SEQUENCE_HEADER, str(position).encode())],
                )
            except OSError:  # it did not wait for the answer
                return
            await Session(websocket, replay).run(self._guard.watch(credential, needed))

    async def _start_of(self, asked: Subscription) -> int:
        told = self._hub.told()
        if asked.since is None:
            return told
        if asked.since > (last := max(told, await self._log.last())):
            raise InvalidRequest(f"since: there is no event {asked.since}, the last one is {last}")
        return asked.since
