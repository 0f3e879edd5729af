"""What AWS refuses and what it cannot do for now, in its own words; and what is left then."""

import logging
import re
from pathlib import Path

import pytest

from activities.providers.aws.provider import AwsProvider
from activities.settings import Settings
from deploy.local.ports import free_port
from tests.support.aws_proxy import THROTTLED, TRIES, Answer, AwsProxy, Call, refusal
from tests.support.moto import REGION, MotoServer, a_server
from workflows.domain.errors import Refused, Unavailable


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": "t9.huge"}, r"AWS: The instance type 't9.huge' does not exist \(InvalidInstanceType"),
        (
            {"image": "ami-12345678"},
            r"AWS: The image id .*ami-12345678.* does not exist \(InvalidAMIID.NotFound\)",
        ),
        ({"image": "136693071363/debian-7-*"}, r"the account 136693071363 has no image 'debian-7-\*' in eu-"),
        (
            {"zone": f"{REGION}z"},
            r"AWS: Invalid Availability Zone \(eu-central-1z\) \(InvalidParameterValue\)",
        ),
    ],
)
async def test_what_aws_does_not_have_is_refused_in_its_own_words(
    moto: MotoServer, aws_provider: AwsProvider, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        await aws_provider.create(a_server(**changes), "owner-1")
    assert moto.traces() == []


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("VcpuLimitExceeded", 400, Refused),
        ("InstanceLimitExceeded", 400, Refused),
        ("UnauthorizedOperation", 403, Refused),
        ("OptInRequired", 403, Refused),
        ("SomethingNew", 400, Refused),
        ("InsufficientInstanceCapacity", 500, Unavailable),
        ("InvalidGroup.NotFound", 400, Unavailable),
        ("SomethingNew", 500, Unavailable),
    ],
)
async def test_a_refused_launch_leaves_nothing_and_one_for_later_neither(
    proxy: AwsProxy, proxied_provider: AwsProvider, code: str, status: int, error: type[Exception]
) -> None:
    proxy.fail("RunInstances", refusal(code, "You may not have this now.", status), TRIES)
    with pytest.raises(error, match=re.escape(f"AWS: You may not have this now. ({code})")):
        await proxied_provider.create(a_server(), "owner-1")
    assert proxy.moto.instances() == []
    await proxied_provider.abandon(a_server(), "owner-1")
    assert proxy.moto.traces() == []


async def test_throttling_is_waited_out_and_told_when_it_lasts(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    proxy.fail("RunInstances", THROTTLED, TRIES - 1)
    server = await proxied_provider.create(a_server(), "owner-1")
    assert moto.ids() == [server.provider_id]
    proxy.fail("DescribeInstances", THROTTLED, TRIES)
    with pytest.raises(Unavailable, match="RequestLimitExceeded"):
        await proxied_provider.find("shop", "web-01")


async def test_nobody_who_answers_is_told_without_an_address(moto: MotoServer, tmp_path: Path) -> None:
    port = free_port()
    provider = AwsProvider(moto.settings(tmp_path, aws_endpoint_url=f"http://127.0.0.1:{port}"))
    with pytest.raises(Unavailable, match="AWS cannot be reached") as creating:
        await provider.create(a_server(), "owner-1")
    with pytest.raises(Unavailable, match="AWS cannot be reached") as asking:
        await provider.check_access()
    for caught in (creating, asking):
        assert str(port) not in caught.value.message


async def test_somebody_else_who_answers_is_not_taken_for_aws(
    proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    proxy.fail("DescribeInstances", Answer(502, b"<!doctype html><title>Bad Gateway</title>"), TRIES)
    with pytest.raises(Unavailable):
        await proxied_provider.find("shop", "web-01")


async def test_refused_credentials_are_told_at_once_and_without_the_secret(
    moto: MotoServer, aws_provider: AwsProvider
) -> None:
    await aws_provider.check_access()
    moto.demand_credentials(0)
    try:
        with pytest.raises(Refused, match=r"AWS: .* \(InvalidClientTokenId\)") as caught:
            await aws_provider.check_access()
        with pytest.raises(Refused, match=r"AWS: .* \(AuthFailure\)") as more:
            await aws_provider.create(a_server(), "owner-1")
    finally:
        moto.demand_credentials(float("inf"))
    for error in (caught, more):
        assert "not-a-real-secret-key" not in error.value.message
    assert moto.instances() == []


async def test_an_instance_that_ends_before_it_runs_is_told_with_its_reason(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    async def ends(call: Call) -> Answer:
        answer = await proxy.forward(call)
        moto.ec2().terminate_instances(InstanceIds=moto.ids())
        return answer

    async def shows(call: Call) -> Answer:
        answer = await proxy.forward(call)
        reason = (
            b"<stateReason><code>Client.VolumeLimitExceeded</code><message>Too many.</message></stateReason>"
        )
        return Answer(
            answer.status, re.sub(rb"<stateReason>.*?</stateReason>", reason, answer.body, flags=re.S)
        )

    proxy.next("DescribeInstances", proxy.forward)
    proxy.next("DescribeInstances", shows)
    proxy.next("RunInstances", ends)
    with pytest.raises(Refused, match=r"Too many\. \(Client.VolumeLimitExceeded\)"):
        await proxied_provider.create(a_server(), "owner-1")
    assert moto.traces() == []


async def test_a_subnet_without_public_addresses_is_told_and_nothing_stays(
    moto: MotoServer, proxy: AwsProxy, proxied_provider: AwsProvider
) -> None:
    async def shows(call: Call) -> Answer:
        answer = await proxy.forward(call)
        return Answer(answer.status, re.sub(rb"<ipAddress>.*?</ipAddress>", b"", answer.body))

    proxy.next("DescribeInstances", shows, times=2)
    with pytest.raises(Refused, match="PROVISIONING_AWS_ADDRESS=private"):
        await proxied_provider.create(a_server(), "owner-1")
    assert moto.traces() == []


async def test_no_secret_is_logged_not_even_where_everything_is(
    moto: MotoServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings: Settings = moto.settings(tmp_path)
    with caplog.at_level(logging.DEBUG):
        provider = AwsProvider(settings)
        server = await provider.create(a_server(), "owner-1")
        await provider.delete(server)
    told = moto.ec2().describe_instance_attribute(InstanceId=server.provider_id, Attribute="userData")
    user_data = told["UserData"]["Value"]
    assert caplog.text
    for secret in ("not-a-real-secret-key", user_data, "PRIVATE KEY", "UserData"):
        assert secret not in caplog.text
