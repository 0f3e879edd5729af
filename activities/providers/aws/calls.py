"""The one door to boto3: every call runs in a thread of ours, and fails with one of our errors."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import boto3
import botocore.session
from botocore.config import Config

from activities.providers.aws.errors import as_our_errors
from activities.redaction import Redaction
from activities.settings import Settings

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client

T = TypeVar("T")

_THREADS = 16
"""Calls at the same time. Those that wait for an answer hold no other part of the service up."""

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=15,
    # The library's own quick tries, with jitter: a busy account throttles some of many calls at once. What
    # lasts longer is for the workflow's retries.
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=_THREADS,
)


class Calls:
    """The services of AWS. Asks nobody before the first call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mask = Redaction.of(settings).text
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="aws")
        self._lock = threading.Lock()
        self._session: boto3.session.Session | None = None
        self._clients: dict[str, EC2Client] = {}
        # At DEBUG it writes each request down, with the host key of the server that is being made.
        library = logging.getLogger("botocore")
        library.setLevel(max(logging.INFO, library.getEffectiveLevel()))

    async def ec2(self, region: str, ask: "Callable[[EC2Client], T]") -> T:
        """The answer of `ask`, which may call as often as it likes. It goes on if whoever waits is cancelled.

        Raises:
            Refused: AWS will not, or not with these credentials; in its own words.
            Unavailable: it cannot for now, or did not answer; then it may have done what was asked.
        """
        return await self._in_thread(lambda: ask(self._ec2(region)))

    async def identity(self, region: str) -> str:
        """The ARN of whom AWS takes us for. Raises as `ec2`."""
        return await self._in_thread(lambda: self._sts_identity(region))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        def run() -> T:
            with as_our_errors(self._mask):
                return call()

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    def _ec2(self, region: str) -> "EC2Client":
        with self._lock:
            if region not in self._clients:
                self._clients[region] = self._made_session().client(
                    "ec2", region_name=region, endpoint_url=self._settings.aws_endpoint_url, config=_CONFIG
                )
            return self._clients[region]

    def _sts_identity(self, region: str) -> str:
        with self._lock:
            client = self._made_session().client(
                "sts", region_name=region, endpoint_url=self._settings.aws_endpoint_url, config=_CONFIG
            )
        try:
            return client.get_caller_identity()["Arn"]
        finally:
            client.close()

    def _made_session(self) -> boto3.session.Session:
        """The session, which is not safe to use in several threads; its clients are."""
        if self._session is None:
            self._session = _session(self._settings)
        return self._session


def _session(settings: Settings) -> boto3.session.Session:
    """With the credentials of our settings, or those that any program for AWS would find."""
    if settings.aws_access_key_id is not None and settings.aws_secret_access_key is not None:
        token = settings.aws_session_token
        return boto3.session.Session(
            aws_access_key_id=settings.aws_access_key_id.get_secret_value(),
            aws_secret_access_key=settings.aws_secret_access_key.get_secret_value(),
            aws_session_token=token.get_secret_value() if token is not None else None,
        )
    core = botocore.session.Session()
    profile = settings.aws_profile
    if settings.aws_credentials_file is not None:
        core.set_config_variable("credentials_file", str(settings.aws_credentials_file.expanduser()))
        # A profile that is named goes before AWS_ACCESS_KEY_ID of the environment, as our setting shall.
        profile = profile or "default"
    return boto3.session.Session(botocore_session=core, profile_name=profile)
