"""A real moto server: AWS's EC2 and STS in a process of its own, with what it can validate switched on.

What it does not do as AWS does: it ignores client tokens, instances run at once, and a security group can be
deleted while it is in use.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from activities.providers.aws import tags
from activities.providers.aws.cloud import Patience
from activities.providers.aws.provider import AwsProvider
from activities.settings import Settings
from deploy.local.ports import free_port
from workflows.domain.resources import ServerSpec

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import InstanceTypeDef

REGION, OTHER_REGION = "eu-central-1", "us-east-1"
ZONE = f"{REGION}a"
PLAN, OTHER_PLAN = "t3.micro", "t3.small"

DEBIAN = "136693071363"
_IMAGES = {
    "ami-0000000000000de11": "debian-12-amd64-20240101-1",
    "ami-0000000000000de12": "debian-12-amd64-20250101-1",
    "ami-0000000000000de13": "debian-13-amd64-20260101-1",
}
NEWEST_DEBIAN_12 = "ami-0000000000000de12"

_SEED = 12
_UP_WITHIN = 60.0
_CREDENTIALS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not-a-real-secret-key"}


@dataclass
class MotoServer:
    """The server; `url` is its endpoint."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None
    _clients: "dict[str, EC2Client]" = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        images = self.folder / "images.json"
        images.write_text(json.dumps([_image(*image) for image in _IMAGES.items()]))
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))
        }
        environment |= {
            "MOTO_AMIS_PATH": str(images),
            "MOTO_ENABLE_AMI_VALIDATION": "true",
            "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
            "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
        }
        with (self.folder / "moto.log").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        until = time.monotonic() + _UP_WITHIN
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "moto.log").read_text()
            assert time.monotonic() < until, "moto does not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def reset(self) -> None:
        """Forgets everything. The seed is one with which no two addresses are alike."""
        for path in ("reset", f"seed?a={_SEED}"):
            httpx.post(f"{self.url}/moto-api/{path}", trust_env=False, timeout=30).raise_for_status()

    def demand_credentials(self, after: float) -> None:
        """Lets `after` more calls pass, and then only those whose credentials it knows."""
        answer = httpx.post(f"{self.url}/moto-api/reset-auth", content=str(after), trust_env=False)
        answer.raise_for_status()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/moto-api/data.json", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def settings(self, state_dir: Path, **changes: Any) -> Settings:
        """Settings of a service that works here."""
        values: dict[str, Any] = {
            "state_dir": state_dir,
            "local_isolation": "process",
            "aws_regions": f"{REGION},{OTHER_REGION}",
            "aws_endpoint_url": self.url,
            **_CREDENTIALS,
        }
        return Settings.model_validate(values | changes)

    def ec2(self, region: str = REGION) -> "EC2Client":
        """A client that passes the service by, to look and to interfere."""
        if region not in self._clients:
            session = boto3.session.Session(
                aws_access_key_id=_CREDENTIALS["aws_access_key_id"],
                aws_secret_access_key=_CREDENTIALS["aws_secret_access_key"],
            )
            self._clients[region] = session.client("ec2", region_name=region, endpoint_url=self.url)
        return self._clients[region]

    def instances(self, **wanted: str) -> "list[InstanceTypeDef]":
        """All that are alive, in every region; with tags such as `infra="shop"` those that bear them."""
        found = [
            instance
            for region in (REGION, OTHER_REGION)
            for page in self.ec2(region).get_paginator("describe_instances").paginate()
            for reservation in page["Reservations"]
            for instance in reservation.get("Instances", [])
        ]
        alive = (i for i in found if i["State"]["Name"] not in ("shutting-down", "terminated"))
        named = {tags.PREFIX + key: value for key, value in wanted.items()}
        return [i for i in alive if named.items() <= tags.as_mapping(i.get("Tags", [])).items()]

    def ids(self) -> list[str]:
        """Of all instances that are alive."""
        return [instance["InstanceId"] for instance in self.instances()]

    def traces(self) -> list[str]:
        """Whatever is left of servers: all but the login key, which is the service's own."""
        found = self.ids()
        for region in (REGION, OTHER_REGION):
            ec2 = self.ec2(region)
            found += [volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]]
            groups = ec2.describe_security_groups()["SecurityGroups"]
            found += [group["GroupName"] for group in groups if group["GroupName"] != "default"]
        return found


def a_server(name: str = "web-01", **changes: Any) -> ServerSpec:
    """A server that can be had there."""
    values = {"infra": "shop", "name": name, "provider": "aws", "plan": PLAN, "zone": ZONE}
    return ServerSpec.model_validate(values | changes)


def _image(identity: str, name: str) -> Mapping[str, Any]:
    return {
        "ami_id": identity,
        "name": name,
        "owner_id": DEBIAN,
        "creation_date": f"{name.split('-')[3][:4]}-01-01T00:00:00.000Z",
        "architecture": "x86_64",
        "description": name,
        "hypervisor": "xen",
        "image_location": f"amazon/{name}",
        "image_type": "machine",
        "public": True,
        "root_device_name": "/dev/xvda",
        "root_device_type": "ebs",
        "state": "available",
        "virtualization_type": "hvm",
        "platform": None,
        "sriov": "simple",
    }


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    server = MotoServer(tmp_path_factory.mktemp("moto"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def moto(moto_server: MotoServer) -> MotoServer:
    """AWS without anything in it."""
    moto_server.reset()
    return moto_server


@pytest.fixture(scope="session")
def aws_state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("aws-service")


@pytest.fixture(scope="session")
def aws_provider(moto_server: MotoServer, aws_state_dir: Path) -> AwsProvider:
    """A provider for tests of one process, in which attempts at one name take turns: no race to wait out.

    One for all: boto reads its description of EC2 anew for each, and takes its time.
    """
    return AwsProvider(moto_server.settings(aws_state_dir), Patience(settled=timedelta(0), pause=0.05))
