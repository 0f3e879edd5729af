"""How servers are entered: with the service's login key, through their infra's security group."""

import asyncio
import contextlib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from activities.providers.aws import groups, tags
from activities.providers.aws.calls import Calls
from activities.providers.aws.errors import code_of
from activities.providers.aws.instances import Instances
from activities.providers.aws.options import Options
from activities.remote.keys import login_line

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client

TIDYING_TRIES = 5
_TIDYING_PAUSE = 2.0
"""Seconds. A network interface outlives its instance by moments, and holds on to the group."""


class Doorway(NamedTuple):
    key_name: str
    group_id: str


class Doorways:
    """Makes what is missing and leaves alone what is there, however many do so at once."""

    def __init__(self, calls: Calls, instances: Instances, options: Options) -> None:
        self._calls = calls
        self._instances = instances
        self._options = options
        self._holders: Counter[tuple[str, str]] = Counter()
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    @contextlib.contextmanager
    def held(self, region: str, infra: str) -> Iterator[None]:
        """While somebody holds it, the infra's group stays, also before an instance is in it.

        Another process does not know: where it removes the group at that very moment, the launch is told that
        there is none, and is tried again.
        """
        self._holders[region, infra] += 1
        try:
            yield
        finally:
            self._holders[region, infra] -= 1

    async def of(self, region: str, infra: str) -> Doorway:
        """Raises Conflict where a group of that name is somebody else's."""
        line = await asyncio.to_thread(login_line, self._options.state_dir)
        # The first one makes it and the others find it, instead of all being refused but one.
        async with self._turns[region, infra]:
            return await self._calls.ec2(
                region, lambda ec2: Doorway(_key_pair(ec2, line), groups.ensure(ec2, infra, self._options))
            )

    async def tidy(self, region: str, infra: str, tries: int = TIDYING_TRIES) -> None:
        """Removes the infra's group once no instance of it is left. The key stays: it is the service's."""
        for attempt in range(tries):
            if attempt:
                await asyncio.sleep(_TIDYING_PAUSE)
            if self._holders[region, infra] or await self._instances.any_in(region, infra):
                return
            if await self._calls.ec2(region, lambda ec2: groups.remove(ec2, infra)):
                return


def key_name(line: str) -> str:
    """Another key has another name, so that two installations in one account do not meet."""
    kind_and_key = " ".join(line.split()[:2])
    return f"provisioning-{hashlib.sha256(kind_and_key.encode()).hexdigest()[:16]}"


def _key_pair(ec2: "EC2Client", line: str) -> str:
    name = key_name(line)
    if ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": [name]}])["KeyPairs"]:
        return name
    try:
        ec2.import_key_pair(
            KeyName=name,
            PublicKeyMaterial=line.encode(),
            TagSpecifications=[{"ResourceType": "key-pair", "Tags": tags.as_list(tags.MANAGED)}],
        )
    except ec2.exceptions.ClientError as error:
        if code_of(error) != "InvalidKeyPair.Duplicate":
            raise
    return name
