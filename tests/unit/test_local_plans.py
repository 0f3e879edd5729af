"""Which servers the local provider takes on."""

import pytest

from activities.providers.local import plans
from workflows.domain.errors import InvalidRequest
from workflows.domain.resources import ServerSpec


def spec(
    plan: str = "1xCPU-2GB", zone: str = "local", name: str = "web-01", infra: str = "shop"
) -> ServerSpec:
    return ServerSpec(infra=infra, name=name, provider="local", plan=plan, zone=zone)


@pytest.mark.parametrize("plan", ["1xCPU-1GB", "64xCPU-512GB", "2xCPU-4GB"])
def test_takes_plans_up_to_its_limits(plan: str) -> None:
    plans.check(spec(plan=plan))


@pytest.mark.parametrize(
    "plan", ["", "small", "0xCPU-2GB", "65xCPU-2GB", "1xCPU-513GB", "1xCPU-2GB ", "1xcpu-2gb", "٣xCPU-2GB"]
)
def test_refuses_other_plans_and_names_the_form(plan: str) -> None:
    with pytest.raises(InvalidRequest, match=r"<n>xCPU-<m>GB with 1 to 64 CPUs and 1 to 512 GB"):
        plans.check(spec(plan=plan))


@pytest.mark.parametrize("zone", ["local", "local-a", "local-9"])
def test_takes_local_zones(zone: str) -> None:
    plans.check(spec(zone=zone))


@pytest.mark.parametrize("zone", ["", "eu-west1", "local-", "local-ab", "Local"])
def test_refuses_other_zones_and_names_its_own(zone: str) -> None:
    with pytest.raises(InvalidRequest, match="zones are local"):
        plans.check(spec(zone=zone))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a" * 64, "web 1", "web\n", ".web-01.lock"])
def test_refuses_names_that_are_no_directory_of_their_own(name: str) -> None:
    for wanted in (spec(name=name), spec(infra=name)):
        with pytest.raises(InvalidRequest, match="cannot name a local server or infra"):
            plans.check(wanted)


@pytest.mark.parametrize("field", ["image", "ssh_user"])
def test_a_local_server_takes_neither_image_nor_user(field: str) -> None:
    with pytest.raises(InvalidRequest, match="leave image and ssh_user out"):
        plans.check(spec().model_copy(update={field: "debian"}))
