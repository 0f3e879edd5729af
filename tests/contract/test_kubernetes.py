"""Kubernetes and Cilium as far as a box can go: their scripts, and a package source on loopback.

The programs in the packages are stand-ins, which do no work and insist on what the real ones insist on. What
says where packages cannot come from is the real apt.
"""

import asyncio
import hashlib
import io
import shutil
import tarfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError

from tests.support.local_servers import CACHE, local_stack
from tests.support.package_source import PackageSource
from tests.support.taskserv_world import failure
from tests.support.taskservs import TEST_CATALOGUE, TaskservBench, make_bench
from workflows.domain.effects import ActionResult, EffectKind
from workflows.domain.resources import Params, Server, ServerSpec, Taskserv

STANDINS = Path(__file__).parent.parent / "standins"
PROGRAMS = ("kubeadm", "kubelet", "kubectl")
NOTHING = "#!/bin/sh\n"
TRACES = r"""find / -xdev \( -path /proc -o -path /run -o -path /var/cache -o -path /var/log -o -path /tmp \
  -o -path /var/lib/apt -o -path /var/lib/provisioning/jobs -o -path /var/lib/provisioning/actions \
  -o -path /var/lib/provisioning/touched -o -path /var/lib/standin \) \
  -prune -o -type f -printf '%p\n' | sort"""
UNKNOWN, REFUSED = "its name cannot be resolved", "connection refused"


@dataclass
class Machines:
    """Two boxes with what stands in for containerd: the real one is in test_services.py, and heavy."""

    bench: TaskservBench
    control_plane: Server
    worker: Server

    async def install(self, server: Server, name: str, **params: Any) -> ActionResult:
        action = self.bench.install(server, name, params, task=uuid4().hex)
        return await self.bench.run(self.bench.taskservs.install_taskserv, action)

    async def configure(self, server: Server, name: str, **params: Any) -> ActionResult:
        action = self.bench.configure(server, name, params, task=uuid4().hex)
        return await self.bench.run(self.bench.taskservs.configure_taskserv, action)

    async def restart(self, server: Server, name: str) -> ActionResult:
        action = self.bench.restart(server, name, task=uuid4().hex)
        return await self.bench.run(self.bench.taskservs.restart_taskserv, action)

    async def remove(self, server: Server, name: str) -> ActionResult:
        action = self.bench.remove(server, name, task=uuid4().hex)
        return await self.bench.run(self.bench.taskservs.remove_taskserv, action)

    async def calls(self, server: Server) -> list[str]:
        """What the stand-ins were called for since the last time, but for questions."""
        told = await self.ask(server, "cat /var/lib/standin/calls; rm -f /var/lib/standin/calls")
        words = (line.split(" --")[0] for line in told.splitlines())
        return [line for line in words if line.split()[0] in ("kubeadm", "cilium") and "version" not in line]

    async def ask(self, server: Server, command: str) -> str:
        return await self.bench.door.ask(server.ssh, command)


def _containerd(catalogue: Path) -> Path:
    folder = catalogue / "containerd"
    shutil.copytree(TEST_CATALOGUE / "beacon", folder)
    described = folder / "service.yaml"
    described.write_text(described.read_text().replace("name: beacon", "name: containerd"))
    return catalogue


@pytest.fixture(scope="module")
async def machines(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Machines]:
    stack = local_stack("box", tmp_path_factory.mktemp("cluster"))
    if stack.provider.isolation.startswith("none"):
        pytest.skip(f"no boxes on this machine: {stack.provider.isolation}")
    bench = make_bench(stack.state_dir, [_containerd(tmp_path_factory.mktemp("catalogue"))])
    specs = [
        ServerSpec(infra="lab", name=name, provider="local", plan="2xCPU-2GB", zone="local")
        for name in ("first", "second")
    ]
    made = [await stack.provider.create(spec, "owner") for spec in specs]
    bench.providers.known.extend(made)
    found = Machines(bench, *made)
    await asyncio.gather(*(found.install(server, "containerd") for server in made))
    yield found
    await bench.door.close()
    await stack.provider.remove_all()


@pytest.fixture(scope="module")
def source(package_source: PackageSource) -> Iterator[PackageSource]:
    """What Kubernetes and Cilium are installed from."""
    build = uuid4().hex[:8]  # a package of the same name and another content would be taken for spoilt
    kubernetes = (STANDINS / "kubernetes.py").read_text()
    for minor in ("1.35", "1.36"):
        folder = f"v{minor}/deb"
        for name in PROGRAMS:
            text = kubernetes.replace("@VERSION@", f"{minor}.2")
            package_source.add_package(folder, name, f"{minor}.2-{build}", {f"/usr/bin/{name}": text})
        stubs = {f"/usr/local/sbin/{name}": NOTHING for name in ("modprobe", "sysctl")}
        package_source.add_package(folder, "kubernetes-cni", f"{minor}.2-{build}", stubs)
        package_source.add_package(folder, "cri-tools", f"{minor}.2-{build}", {"/usr/bin/crictl": NOTHING})
        package_source.sign(folder)
    _add_cilium(package_source.folder)
    yield package_source
    for deb in (CACHE / "apt/debs").glob(f"*{build}*"):
        deb.unlink()


def _add_cilium(folder: Path) -> None:
    for arch in ("amd64", "arm64"):
        path = folder / f"cli/v0.18.9/cilium-linux-{arch}.tar.gz"
        _write_archive(path, "cilium", (STANDINS / "cilium.sh").read_bytes())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{path.name}.sha256sum").write_text(f"{digest}  {path.name}\n")
    for version in ("1.18.4", "1.18.5"):
        _write_archive(folder / f"charts/cilium-{version}.tgz", "cilium/Chart.yaml", b"name: cilium\n")


def _write_archive(path: Path, name: str, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o755
        archive.addfile(member, io.BytesIO(content))


def kubernetes_from(source: PackageSource) -> Params:
    return {
        "repository": f"{source.url}/v",
        "image_repository": f"{source.url.removeprefix('http://')}/images",
    }


def cilium_from(source: PackageSource) -> Params:
    return {
        "cli_repository": f"{source.url}/cli",
        "chart_repository": f"{source.url}/charts",
        "image_registry": source.url.removeprefix("http://"),
    }


@pytest.mark.parametrize(
    ("params", "blamed", "why"),
    [
        ({"repository": "https://packages.invalid/v"}, "https://packages.invalid/v1.35/deb", UNKNOWN),
        ({"repository": "http://127.0.0.1:9/v"}, "http://127.0.0.1:9/v1.35/deb", REFUSED),
        ({"repository": "{source}/other/v"}, "{source}/other/v1.35/deb", "404, it does not have that"),
        ({"image_repository": "images.invalid/k8s"}, "https://images.invalid/v2", UNKNOWN),
    ],
)
async def test_a_source_that_cannot_be_used_is_named_with_the_reason(
    machines: Machines, source: PackageSource, params: dict[str, str], blamed: str, why: str
) -> None:
    before = await machines.ask(machines.control_plane, TRACES)
    told = {name: value.format(source=source.url) for name, value in params.items()}
    with pytest.raises(ApplicationError) as error:
        await machines.install(machines.control_plane, "kubernetes", **kubernetes_from(source) | told)
    assert failure(error) == ("ActionFailed", True)
    expected = f"package source {blamed.format(source=source.url)} cannot be used from this server: {why} ("
    assert expected in error.value.message
    assert await machines.ask(machines.control_plane, TRACES) == before


WITHOUT_SOURCES = """mkdir /var/kept
mv /etc/apt/sources.list.d /var/lib/apt/lists /var/kept
mkdir /etc/apt/sources.list.d
echo "deb http://127.0.0.1:9/debian bookworm main" >/etc/apt/sources.list.d/dead.list"""
WITH_SOURCES = """rm -r /etc/apt/sources.list.d /var/lib/apt/lists
mv /var/kept/sources.list.d /etc/apt
mv /var/kept/lists /var/lib/apt
rmdir /var/kept"""


async def test_so_it_is_with_the_sources_of_the_system_itself(machines: Machines) -> None:
    await machines.ask(machines.worker, WITHOUT_SOURCES)
    try:
        with pytest.raises(ApplicationError) as error:
            await machines.install(machines.worker, "etcd")
    finally:
        await machines.ask(machines.worker, WITH_SOURCES)
    assert failure(error) == ("ActionFailed", True)
    blamed = f"http://127.0.0.1:9/debian cannot be used from this server: {REFUSED} (Could not connect"
    assert f"package source {blamed}" in error.value.message


async def test_what_does_not_go_together_is_refused(machines: Machines) -> None:
    for params, problem in (
        ({"role": "worker"}, "control_plane: a worker needs the name of the server"),
        ({"control_plane": "second"}, "control_plane: there is no kubernetes to join on lab/second"),
        (
            {"role": "worker", "control_plane": "nowhere"},
            "control_plane: infra 'lab' has no server named nowhere",
        ),
        ({"version": "1.30"}, "parameter 'version' must match"),
        ({"pod_cidr": "10.0.0.0"}, "parameter 'pod_cidr' must match"),
    ):
        with pytest.raises(ApplicationError) as error:
            await machines.install(machines.control_plane, "kubernetes", **params)
        assert problem in error.value.message
    with pytest.raises(ApplicationError, match="cilium needs kubernetes, which is not installed"):
        await machines.install(machines.control_plane, "cilium")


async def test_a_cluster_of_two_and_its_network(machines: Machines, source: PackageSource) -> None:
    first, second = machines.control_plane, machines.worker
    before = [await machines.ask(server, TRACES) for server in (first, second)]
    await machines.calls(first)  # what failed before, in other tests, called some too
    made = await machines.install(first, "kubernetes", **kubernetes_from(source))
    assert await machines.calls(first) == ["kubeadm reset", "kubeadm config images pull", "kubeadm init"]
    token = (await machines.ask(first, "cat /etc/provisioning/kubernetes/token")).strip()

    joining = kubernetes_from(source) | {"role": "worker", "control_plane": "first"}
    joined = await machines.install(second, "kubernetes", **joining)
    assert await machines.calls(second) == ["kubeadm reset", "kubeadm join"]
    told = made.model_dump_json() + joined.model_dump_json() + machines.bench.log.text()
    assert token not in told, "the token is a secret"

    await machines.install(first, "cilium", **cilium_from(source))
    assert await machines.calls(first) == ["cilium uninstall", "cilium install"]
    with pytest.raises(ApplicationError, match="cilium is installed from a cluster's control plane"):
        await machines.install(second, "cilium", **cilium_from(source))

    for server, name in ((first, "kubernetes"), (second, "kubernetes"), (first, "cilium")):
        result = await machines.restart(server, name)
        assert [effect.kind for effect in result.effects] == [EffectKind.TASKSERV_RESTARTED]
    assert await machines.calls(first) == []

    await _upgrade(machines)

    for server, name in ((first, "cilium"), (second, "kubernetes"), (first, "kubernetes")):
        await machines.remove(server, name)
    assert await machines.calls(first) == ["cilium uninstall", "kubeadm reset"]
    after = [await machines.ask(server, TRACES) for server in (first, second)]
    assert after == before


async def _upgrade(machines: Machines) -> None:
    first, second = machines.control_plane, machines.worker
    with pytest.raises(ApplicationError, match="of a cluster that is there, only version"):
        await machines.configure(first, "kubernetes", pod_cidr="10.9.0.0/16")
    for server, called in ((first, "kubeadm upgrade apply"), (second, "kubeadm upgrade node")):
        await machines.calls(server)
        result = await machines.configure(server, "kubernetes", version="1.36")
        after = result.effects[0].after
        assert isinstance(after, Taskserv) and after.params["version"] == "1.36"
        assert await machines.calls(server) == [called]
        assert await machines.ask(server, "kubelet --version") == "Kubernetes v1.36.2\n"
    with pytest.raises(ApplicationError, match=r"version: kubeadm v1\.36\.2 is installed, and not 1\.35"):
        await machines.configure(first, "kubernetes", version="1.35")
    await machines.calls(first)
    await machines.configure(first, "cilium", version="1.18.5")
    assert await machines.calls(first) == ["cilium upgrade"]
