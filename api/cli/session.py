"""Calls as the user who is logged in, with a token that is exchanged before it ends.

Several command lines may share a profile. An exchange makes the old token void, so it happens under the
profile's lock, and the new one is stored before anybody uses it.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, JsonValue, ValidationError

from api.cli.client import PATIENCE, Client, Page, Query
from api.cli.errors import NotLoggedIn, OutcomeUnknown, StillWorking, Unreachable
from api.cli.profiles import Profile, Profiles, Token, now

T = TypeVar("T")

_GIVE_UP_AFTER = 60.0
"""Seconds for which a service that was asked may be away before it is given up."""

_PAUSE = 1.0


class Credentials(NamedTuple):
    """Where to connect, and as whom."""

    server: str
    token: Token


def session_of(profile: str) -> "Session":
    """Calls in the name of this user's profile."""
    return Session(Profiles.of_user(os.environ), profile)


class Session:
    """One profile, and calls in its name."""

    def __init__(self, profiles: Profiles, name: str) -> None:
        self._profiles = profiles
        self._name = name

    @property
    def profile_name(self) -> str:
        return self._name

    def call(
        self,
        method: str,
        path: str,
        body: JsonValue = None,
        *,
        query: Query | None = None,
        patience: float | None = PATIENCE,
    ) -> JsonValue:
        """The `data` of the answer; raises what `Client.call` raises."""
        return self._asked(lambda client: client.call(method, path, body, query=query, patience=patience))

    def page(self, path: str, query: Query, patience: float = PATIENCE) -> Page:
        """A part of a list; raises what `Client.call` raises."""
        return self._asked(lambda client: client.page(path, query, patience=patience))

    def document(self, path: str) -> JsonValue:
        """What stands there without an envelope; raises what `Client.call` raises."""
        return self._asked(lambda client: client.document(path))

    def start(
        self, path: str, body: JsonValue, *, query: Query | None = None, until_it_ends: bool = False
    ) -> JsonValue:
        """Starts work with a POST, once: where the answer is lost, the same request is sent again.

        Args:
            until_it_ends: the answer comes when the work has ended, however long that takes.

        Raises what `Client.call` raises; once the service was asked, an Unreachable only if it stays away.
        """
        key = str(uuid4())
        give_up: float | None = None
        while True:
            try:
                return self._asked(lambda client: client.call("POST", path, body, query=query, key=key))
            except Unreachable as error:
                was_asked = give_up is not None or isinstance(error, OutcomeUnknown)
                if not was_asked or (give_up is not None and time.monotonic() > give_up):
                    raise
                if give_up is None or (until_it_ends and isinstance(error, StillWorking)):
                    give_up = time.monotonic() + _GIVE_UP_AFTER
            time.sleep(_PAUSE)

    def credentials(self) -> Credentials:
        """For a connection that is not made by `call`. Raises NotLoggedIn, or Unreachable."""
        profile, token = self._with_a_lasting_token()
        return Credentials(profile.server, token)

    def other_credentials(self, refused: Credentials) -> Credentials:
        """Those that took the place of refused ones. Raises NotLoggedIn where there are none."""
        renewed = self._token_since(refused.token, refused.server)
        if renewed is None:
            raise NotLoggedIn(f"the login has ended; {self._hint()}")
        return Credentials(refused.server, renewed)

    def _asked(self, ask: Callable[[Client], T]) -> T:
        profile, token = self._with_a_lasting_token()
        try:
            with Client(profile.server, token.value) as client:
                return ask(client)
        except NotLoggedIn as refusal:
            renewed = self._token_since(token, profile.server)
            if renewed is None:
                raise NotLoggedIn(f"{refusal}; {self._hint()}") from None
        # A refused token did nothing, so that the call may be made again.
        with Client(profile.server, renewed.value) as client:
            return ask(client)

    def current(self) -> Profile:
        """The profile as it is stored. Raises NotLoggedIn where there is no token in it."""
        return self._logged_in()[0]

    def void(self) -> bool:
        """Makes the token worthless, for the service as well as here. Returns whether there was one.

        The contract has no logout; an exchange whose result is forgotten does the same. Where the service is
        away the token is forgotten all the same, and Unreachable says that it lives on until its end.
        """
        with self._profiles.locked(self._name):
            profile = self._profiles.read(self._name)
            if profile is None or profile.token is None:
                return False
            try:
                _exchanged(profile.server, profile.token)
            except NotLoggedIn:
                pass  # It was void already.
            finally:
                self._profiles.write(self._name, profile.model_copy(update={"token": None}))
            return True

    def _with_a_lasting_token(self) -> tuple[Profile, Token]:
        profile, token = self._logged_in()
        if not token.is_near_its_end(now()):
            return profile, token
        with self._profiles.locked(self._name):
            # Another command line may have done it while this one waited.
            profile, token = self._logged_in()
            if not token.is_near_its_end(now()):
                return profile, token
            # A session that has lasted its time is not prolonged; its last token holds to its own end.
            with _uninterrupted(), contextlib.suppress(NotLoggedIn):
                token = _exchanged(profile.server, token)
                self._profiles.write(self._name, profile.model_copy(update={"token": token}))
            return profile, token

    def _token_since(self, refused: Token, server: str) -> Token | None:
        """The token that took the place of a refused one, if any; one of another server is not for this."""
        # Under the lock, since the one who exchanges it may not have stored the new one yet.
        with self._profiles.locked(self._name):
            profile, token = self._logged_in()
        return token if token.value != refused.value and profile.server == server else None

    def _logged_in(self) -> tuple[Profile, Token]:
        profile = self._profiles.read(self._name)
        if profile is None or profile.token is None:
            raise NotLoggedIn(f"nobody is logged in; {self._hint()}")
        return profile, profile.token

    def _hint(self) -> str:
        return f"run `provisioning login --profile {self._name}`"


class _Renewal(BaseModel):
    token: str
    expires_at: AwareDatetime


def received(answer: JsonValue, server: str) -> Token:
    """The token of a login or an exchange. Raises Unreachable where there is none in the answer."""
    try:
        renewal = _Renewal.model_validate(answer)
        return Token(value=renewal.token, received_at=now(), expires_at=renewal.expires_at)
    except ValidationError:
        raise Unreachable(f"{server} gave no token") from None


def _exchanged(server: str, token: Token) -> Token:
    with Client(server, token.value) as client:
        return received(client.call("POST", "/auth/refresh", {"token": token.value}), server)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds back Ctrl-C and its like: until it is stored, the new token is in this process alone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
