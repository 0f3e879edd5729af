"""The HTTP calls below the official library, with what it drops: an answer's status.

Without that, a gateway's error page could not be told from a refusal.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
import upcloud_api
from upcloud_api.api import API

from activities.providers.upcloud.credentials import Authorization
from activities.providers.upcloud.failures import failure
from workflows.domain.errors import Unavailable

Json = Mapping[str, Any]

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_DETAIL = 500
"""Characters of an explanation that we repeat."""


class Transport(API):  # type: ignore[misc] # the library ships no types
    """Takes the place of the library's own."""

    def __init__(self, url: str, authorization: Authorization) -> None:
        super().__init__(token=None)
        self.api_root = url.rstrip("/")
        self._authorization = authorization

    def api_request(
        self,
        method: str,
        endpoint: str,
        body: Json | None = None,
        params: Sequence[tuple[str, str]] | None = None,
        timeout: float = -1,  # noqa: ARG002 - the library passes it; ours is the same for all calls
    ) -> Json:
        """The answer's JSON; empty where it has no body.

        Raises:
            ProvisioningError: as `failures.py` says.
            Unavailable: no answer came, or none that can be read.
        """
        try:
            answer = requests.request(
                method,
                f"{self.api_root}{endpoint}",
                json=body,
                params=params,
                headers={"User-Agent": self.user_agent},
                auth=self._sign,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            )
        except requests.RequestException as error:
            raise Unavailable(f"UpCloud cannot be reached: {type(error).__name__}") from error
        content = _json(answer)
        if answer.status_code >= 400:
            raise failure(answer.status_code, *_explained(content))
        if content is None:
            raise Unavailable("UpCloud cannot be reached: what answered speaks another language")
        return content

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # As `auth`, because without one a password in ~/.netrc would take our header's place.
        request.headers["Authorization"] = self._authorization()
        return request


class Manager(upcloud_api.CloudManager):  # type: ignore[misc] # the library ships no types
    """The library's calls, over our transport."""

    def __init__(self, transport: Transport) -> None:
        # Its own constructor does nothing but make the transport that ours replaces.
        self.api = transport


def _json(answer: requests.Response) -> Json | None:
    if not answer.content:
        return {}
    try:
        content = answer.json()
    except requests.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _explained(content: Json | None) -> tuple[str, str]:
    """UpCloud's code and words, in whichever of its two forms: newer calls answer as RFC 7807 says."""
    if not content:
        return "", ""
    if "type" in content:
        code, words = urlsplit(str(content["type"])).fragment or str(content["type"]), content.get("title")
        return code.removeprefix("ERROR_"), str(words or "")[:_DETAIL]
    error = content.get("error")
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("error_code") or ""), str(error.get("error_message") or "")[:_DETAIL]
