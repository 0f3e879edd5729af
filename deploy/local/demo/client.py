"""The demo's side of the HTTP API: the same calls that any client makes."""

import asyncio
import time
from collections.abc import Mapping
from typing import TypeVar

import httpx
from pydantic import BaseModel, JsonValue, TypeAdapter

from deploy.local.demo.answers import Batch, Progress, Server, Task
from deploy.local.errors import DemoFailed

M = TypeVar("M", bound=BaseModel)

_PATIENCE = 60.0
"""Seconds for which the API may be away while the demo watches: it may be killed and comes back."""


class ApiClient:
    """Talks to the API at one address. Reads are repeated while it is away; submissions are not."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def log_in(self, username: str, password: str) -> None:
        """Raises DemoFailed if the API refuses."""
        body = {"username": username, "password": password}
        answer = await self._patiently("POST", "/auth/login", body)
        token = TypeAdapter(dict[str, JsonValue]).validate_python(answer)["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    async def submit(self, batch: Mapping[str, JsonValue]) -> Batch:
        """Submits it once.

        Raises:
            DemoFailed: it was refused, or no answer came.
        """
        try:
            accepted = _data(await self._http.post("/batch/execute", json=batch))
        except httpx.HTTPError as error:
            raise DemoFailed(f"POST /batch/execute: {type(error).__name__} {error}") from None
        return Batch.model_validate(
            {"name": batch["name"]} | TypeAdapter(dict[str, JsonValue]).validate_python(accepted)
        )

    async def batch(self, batch_id: str) -> Batch:
        return Batch.model_validate(await self._get(f"/batch/operations/{batch_id}"))

    async def task(self, task_id: str) -> Task:
        return Task.model_validate(await self._get(f"/tasks/{task_id}"))

    async def progress(self, workflow_id: str) -> Progress:
        return Progress.model_validate(await self._get(f"/state/workflows/{workflow_id}/progress"))

    async def servers(self) -> list[Server]:
        return TypeAdapter(list[Server]).validate_python(await self._get("/inventory/servers"))

    async def _get(self, path: str) -> JsonValue:
        return await self._patiently("GET", path)

    async def _patiently(self, method: str, path: str, body: object = None) -> JsonValue:
        """For requests that may be sent again."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                answer = await self._http.request(method, path, json=body)
                if answer.status_code < 500:
                    return _data(answer)
                problem = answer.text
            except httpx.HTTPError as error:
                problem = f"{type(error).__name__} {error}"
            if time.monotonic() > until:
                raise DemoFailed(f"{method} {path}: {problem}")
            await asyncio.sleep(0.5)


def _data(answer: httpx.Response) -> JsonValue:
    try:
        body = TypeAdapter(dict[str, JsonValue]).validate_json(answer.content)
    except ValueError:
        body = {"error": answer.text}
    if not answer.is_success:
        request = answer.request
        raise DemoFailed(f"{request.method} {request.url.path}: {answer.status_code} {body.get('error')}")
    return body["data"]
