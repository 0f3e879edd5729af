"""UpCloud's API as far as we use it: blocking calls of the official library, in threads of their own."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import upcloud_api

from activities.finishing import finish
from activities.providers.upcloud import answers
from activities.providers.upcloud.answers import Machine, Plan, Template
from activities.providers.upcloud.credentials import Authorization
from activities.providers.upcloud.transport import Manager, Transport
from workflows.domain.errors import NotFound

T = TypeVar("T")

_THREADS = 8
"""Calls at the same time. More would only be throttled, and asyncio's own threads are others' too."""


class UpCloudClient:
    """Every call raises what `failures.py` makes of an error, and Unavailable where nobody answers."""

    def __init__(self, url: str, authorization: Authorization) -> None:
        self._manager = Manager(Transport(url, authorization))
        self._api = self._manager.api
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="upcloud")

    async def check(self) -> None:
        """Whether we are let in."""
        await self._call(self._manager.get_account)

    async def machines(self, labels: Mapping[str, str]) -> Sequence[Machine]:
        """The servers that have all of these labels, without their addresses."""
        filters = [("label", f"{key}={value}") for key, value in labels.items()]
        return answers.machines(await self._call(lambda: self._api.get_request("/server", params=filters)))

    async def machine(self, uuid: str) -> Machine | None:
        try:
            return answers.machine(await self._call(lambda: self._api.get_request(f"/server/{uuid}")))
        except NotFound:
            return None

    async def create(self, order: upcloud_api.Server) -> Machine:
        """Begins to make the server, which takes a while."""
        body = order.prepare_post_body()
        return answers.machine(await self._call(lambda: self._api.post_request("/server", body)))

    async def relabel(self, uuid: str, labels: Mapping[str, str]) -> None:
        """Replaces all labels."""
        listed = [{"key": key, "value": value} for key, value in labels.items()]
        body = {"server": {"labels": {"label": listed}}}
        await self._change(lambda: self._api.put_request(f"/server/{uuid}", body))

    async def start(self, uuid: str) -> None:
        """Begins to start it."""
        await self._change(lambda: self._api.post_request(f"/server/{uuid}/start", {"server": {}}))

    async def stop(self, uuid: str, *, hard: bool, seconds: float) -> None:
        """Begins to stop it; `hard` as by pulling the plug, or else by asking, for `seconds`."""
        how = {"stop_type": "hard" if hard else "soft", "timeout": str(math.ceil(seconds))}
        await self._change(lambda: self._api.post_request(f"/server/{uuid}/stop", {"stop_server": how}))

    async def delete(self, uuid: str) -> None:
        """Removes a stopped server and its storages."""
        await self._change(lambda: self._manager.delete_server(uuid, delete_storages=True))

    async def plans(self) -> Sequence[Plan]:
        return answers.plans(await self._call(self._manager.get_server_plans))

    async def templates(self) -> Sequence[Template]:
        return answers.templates(await self._call(lambda: self._api.get_request("/storage/template")))

    async def template(self, uuid: str) -> Template:
        return answers.template(await self._call(lambda: self._api.get_request(f"/storage/{uuid}")))

    async def _change(self, blocking: Callable[[], Any]) -> None:
        """Returns when the call has ended, also where whoever waits is cancelled: it would go on unseen."""
        await finish(asyncio.create_task(self._call(blocking)))

    async def _call(self, blocking: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, blocking)
