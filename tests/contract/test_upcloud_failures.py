"""What UpCloud refuses fails at once and in its own words; what passes is told to be tried again."""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from activities.providers.upcloud.provider import UpCloudProvider
from tests.support.upcloud import UpCloud
from workflows.domain.errors import Refused, Unavailable
from workflows.domain.resources import Server, ServerSpec, SshEndpoint

SPEC = ServerSpec(infra="shop", name="web-01", provider="upcloud", plan="1xCPU-2GB", zone="de-fra1")
SERVER = Server(
    spec=SPEC,
    provider_id="00000000-0000-4000-8000-000000000000",
    owner="owner-1",
    ssh=SshEndpoint(host="127.0.0.1", port=22, user="root"),
)
WRONG: dict[str, Any] = {"upcloud_token": SecretStr("a-wrong-token")}

CALLS: dict[str, Callable[[UpCloudProvider], Awaitable[object]]] = {
    "create": lambda provider: provider.create(SPEC, "owner-1"),
    "find": lambda provider: provider.find("shop", "web-01"),
    "delete": lambda provider: provider.delete(SERVER),
    "check": lambda provider: provider.check_access(),
}


@pytest.fixture
def provider(upcloud: UpCloud, tmp_path: Path) -> UpCloudProvider:
    return upcloud.provider(tmp_path / "state")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_refused_credentials_fail_at_once(
    upcloud: UpCloud, tmp_path: Path, call: Callable[[UpCloudProvider], Awaitable[object]]
) -> None:
    with pytest.raises(Refused, match=r"Authentication failed .*\(AUTHENTICATION_FAILED\)") as caught:
        await call(upcloud.provider(tmp_path, **WRONG))
    assert "a-wrong-token" not in caught.value.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": "64xCPU-999GB"}, r"The attribute plan has an invalid value\. \(PLAN_INVALID\)"),
        ({"zone": "xx-abc9"}, r"The zone does not exist\. \(ZONE_NOT_FOUND\)"),
        ({"image": "00000000-0000-4000-8000-000000000000"}, r"The storage does not exist\."),
        ({"image": "Windows 3.11"}, r"no template 'Windows 3.11'; there are: Debian GNU/Linux 11"),
    ],
)
async def test_what_upcloud_does_not_have_is_refused(
    upcloud: UpCloud, provider: UpCloudProvider, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await provider.create(SPEC.model_copy(update=changes), "owner-1")
    assert upcloud.traces() == []


async def test_a_reached_limit_is_refused(upcloud: UpCloud, provider: UpCloudProvider) -> None:
    upcloud.change(core_limit=0)
    with pytest.raises(Refused, match="SERVER_CORE_LIMIT_REACHED"):
        await provider.create(SPEC, "owner-1")
    assert upcloud.traces() == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "code": "TOO_MANY_REQUESTS", "message": "Slow down."},
        {"status": 500},
        {"status": 502, "plain": True},
        {"status": 409, "code": "SERVER_STATE_ILLEGAL"},
        {"status": 200, "plain": True},
    ],
    ids=["throttled", "error", "gateway", "state", "nonsense"],
)
async def test_what_passes_is_to_be_tried_again(
    upcloud: UpCloud,
    provider: UpCloudProvider,
    call: Callable[[UpCloudProvider], Awaitable[object]],
    fault: dict[str, Any],
) -> None:
    upcloud.fault(**fault)
    with pytest.raises(Unavailable):
        await call(provider)
    await call(provider)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_place_where_nobody_answers_is_to_be_tried_again(
    upcloud: UpCloud, tmp_path: Path, call: Callable[[UpCloudProvider], Awaitable[object]]
) -> None:
    with socket.socket() as bound:  # nobody else gets the port, and nobody listens there
        bound.bind(("127.0.0.1", 0))
        away = upcloud.provider(tmp_path, upcloud_url=f"http://127.0.0.1:{bound.getsockname()[1]}/1.3")
        with pytest.raises(Unavailable, match="UpCloud cannot be reached"):
            await call(away)


async def test_a_username_and_a_password_do_as_well(upcloud: UpCloud, tmp_path: Path) -> None:
    def provider(password: str) -> UpCloudProvider:
        return upcloud.provider(
            tmp_path,
            upcloud_token=None,
            upcloud_username=upcloud.username,
            upcloud_password=SecretStr(password),
        )

    await provider(upcloud.password).check_access()
    with pytest.raises(Refused, match="AUTHENTICATION_FAILED"):
        await provider("wrong").check_access()


@pytest.mark.parametrize("kind", ["token", "password"])
async def test_secrets_are_read_from_files_that_may_change(
    upcloud: UpCloud, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "secret"
    changes: dict[str, Any] = {
        "upcloud_token": None,
        "upcloud_username": upcloud.username,
        f"upcloud_{kind}_file": file,
    }
    provider = upcloud.provider(tmp_path, **changes)
    with pytest.raises(Refused, match="the credentials file cannot be read: No such file"):
        await provider.check_access()
    for content, problem in (("", "is empty"), ("wrong", "AUTHENTICATION_FAILED")):
        file.write_text(content)
        with pytest.raises(Refused, match=problem):
            await provider.check_access()
    file.write_text(getattr(upcloud, kind) + "\n")
    await provider.check_access()


async def test_a_password_that_lies_around_does_not_take_the_place_of_ours(
    upcloud: UpCloud, provider: UpCloudProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    await provider.check_access()
