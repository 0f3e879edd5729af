"""Guessing passwords is limited over all API processes, and ends for who knows the right one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from api.security.attempts import MAX_PER_ADDRESS, MAX_PER_USER
from tests.support.api import PASSWORD, Api, api_settings, running_api
from tests.support.mongodb import EmbeddedMongo

WINDOW = 3600
"""Seconds; no machine takes so long for ten checks of a password."""


@pytest.fixture
async def apis(mongodb: EmbeddedMongo, temporal: Client, tmp_path: Path) -> AsyncIterator[tuple[Api, Api]]:
    """Two on one database, where no failure was counted yet."""
    settings = api_settings(tmp_path, mongodb, temporal).model_copy(update={"login_window": WINDOW})
    async with running_api(settings, temporal) as one, running_api(settings, temporal) as other:
        yield one, other


async def login(api: Api, username: str, password: str) -> httpx.Response:
    return await api.client.post("/auth/login", json={"username": username, "password": password})


async def test_failures_count_everywhere_and_the_right_password_works_after_the_wait(
    apis: tuple[Api, Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await apis[0].user("viewer")
    answers = [await login(apis[number % 2], user.username, "wrong") for number in range(20)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * MAX_PER_USER + [429] * (20 - MAX_PER_USER)
    for api in apis:
        refused = await login(api, user.username, PASSWORD)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= WINDOW

    def after_the_wait() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=WINDOW)

    monkeypatch.setattr(apis[1].services.accounts._attempts, "_clock", after_the_wait)
    assert (await login(apis[1], user.username, PASSWORD)).status_code == 200


async def test_guesses_that_are_made_at_once_cannot_pass_together(apis: tuple[Api, Api]) -> None:
    user = await apis[0].user("viewer")
    guesses = (login(apis[number % 2], user.username, f"guess {number}") for number in range(100))
    answers = Counter(answer.status_code for answer in await asyncio.gather(*guesses))
    assert answers == {401: MAX_PER_USER, 429: 100 - MAX_PER_USER}
    assert MAX_PER_ADDRESS >= 100, "or the address would have been refused first"


async def test_right_passwords_at_once_keep_nobody_out(apis: tuple[Api, Api]) -> None:
    user = await apis[0].user("viewer")
    answers = await asyncio.gather(*(login(apis[0], user.username, PASSWORD) for _ in range(16)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_success_takes_no_failure_back(apis: tuple[Api, Api]) -> None:
    user = await apis[0].user("viewer")
    for _ in range(MAX_PER_USER - 1):
        assert (await login(apis[0], user.username, "wrong")).status_code == 401
    assert (await login(apis[1], user.username, PASSWORD)).status_code == 200
    assert (await login(apis[0], user.username, "wrong")).status_code == 401
    assert (await login(apis[1], user.username, PASSWORD)).status_code == 429
