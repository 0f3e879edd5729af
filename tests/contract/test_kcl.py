"""Settings files in KCL: what they may say, and what becomes of it."""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.catalogue.catalogue import Catalogue
from activities.infras import Infras
from activities.kcl.copying import copy_of
from activities.kcl.evaluation import Answer, evaluate
from activities.kcl.reader import KclSettings
from activities.providers.local.entry import build_local
from activities.settings import Settings
from tests.support.hostile_settings import HOSTILE, RESOURCES, SERVER, make_surroundings
from tests.support.ordinary_user import Python
from workflows.domain.errors import InvalidRequest, Unavailable
from workflows.domain.infras import InfraServer, InfraSpec
from workflows.domain.operations import TaskservItem

EXAMPLES = Path(__file__).parents[2] / "deploy" / "infra"
WEB = InfraServer(name="web", provider="local", plan="1xCPU-2GB", zone="local")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the infra `shop`, whose copies are made in a folder of their own."""
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    (tmp_path / "infra" / "shop").mkdir(parents=True)
    (tmp_path / "infra" / "shop" / "config.k").write_text(SERVER)
    return tmp_path / "infra"


@pytest.fixture
def settings(root: Path) -> KclSettings:
    return KclSettings(Infras(root))


def copies(root: Path) -> list[Path]:
    return list((root.parent / "copies").iterdir())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - it is a folder that changes
        await asyncio.sleep(0.05)


async def load(settings: KclSettings, root: Path, text: str, **others: str) -> InfraSpec:
    folder = root / "shop"
    (folder / "config.k").write_text(text)
    for name, content in others.items():
        (folder / "parts").mkdir(exist_ok=True)
        (folder / "parts" / name.replace("_", ".")).write_text(content)
    return await settings.load("shop", "config.k")


async def test_a_file_becomes_an_infra(settings: KclSettings, root: Path) -> None:
    assert await settings.load("shop", "config.k") == InfraSpec(name="shop", servers=(WEB,))
    assert copies(root) == []


async def test_everything_that_the_schemas_know_arrives(settings: KclSettings, root: Path) -> None:
    text = """
import provisioning as p
infra: p.Infra {
    servers = [{
        name = "a", provider = "aws", plan = "t3.small", zone = "eu-central-1a", image = "ami-1", count = 3
        labels = {"team/name" = "x y"}, ssh_user = "admin"
        taskservs = ["redis", {name = "nginx", params = {port = 81, deep = {list = [1, 2.5, True, "x"]}}}]
    }]
    clusters = [p.Cluster {
        name = "c", cluster_type = "etcd", provider = "upcloud", plan = "p", zone = "z", nodes = 5
        version = "3.5", params = {quota = 1}
    }]
}
"""
    found = await load(settings, root, text)
    (server,), (cluster,) = found.servers, found.clusters
    nginx = TaskservItem(name="nginx", params={"port": 81, "deep": {"list": [1, 2.5, True, "x"]}})
    assert server == InfraServer(
        name="a",
        provider="aws",
        plan="t3.small",
        zone="eu-central-1a",
        image="ami-1",
        count=3,
        labels={"team/name": "x y"},
        ssh_user="admin",
        taskservs=(TaskservItem(name="redis"), nginx),
    )
    assert (cluster.nodes, cluster.version, cluster.params) == (5, "3.5", {"quota": 1})


async def test_what_is_none_is_as_if_it_were_not_there(settings: KclSettings, root: Path) -> None:
    nothing = "image = None, count = None, labels = None, ssh_user = None, taskservs = None"
    text = SERVER.replace('zone = "local"\n', f'zone = "local"\n            {nothing}\n')
    assert (await load(settings, root, text)).servers == (WEB,)


async def test_other_files_of_the_infra_can_be_imported_and_read(settings: KclSettings, root: Path) -> None:
    (root / "shop" / "linked.json").symlink_to("parts/sizes.json")
    found = await load(
        settings,
        root,
        'import parts\nimport file\nimport json\n\n_sizes = json.decode(file.read("linked.json"))\n'
        "infra = {servers = [parts.server(n, _sizes[n]) for n in _sizes]}\n",
        server_k="server = lambda name, plan {\n    "
        '{name = name, plan = plan, provider = "local", zone = "local"}\n}\n',
        sizes_json='{"a": "1xCPU-1GB", "b": "2xCPU-2GB"}',
    )
    assert [(server.name, server.plan) for server in found.servers] == [
        ("a", "1xCPU-1GB"),
        ("b", "2xCPU-2GB"),
    ]


async def test_settings_can_be_another_file_of_the_infra(settings: KclSettings, root: Path) -> None:
    (root / "shop" / "config.k").write_text("this is not KCL")
    (root / "shop" / "parts").mkdir()
    (root / "shop" / "parts" / "small.k").write_text(SERVER)
    # Packages are those of the infra's folder, also for a file further down.
    (root / "shop" / "top").mkdir()
    (root / "shop" / "top" / "a.k").write_text('name = "top"\n')
    (root / "shop" / "parts" / "with_top.k").write_text(f"import top\n{SERVER}".replace('"web"', "top.name"))
    (root / "shop" / "link.k").symlink_to("parts/small.k")
    for file, name in [("./parts/small.k", "web"), ("link.k", "web"), ("parts/with_top.k", "top")]:
        assert [server.name for server in (await settings.load("shop", file)).servers] == [name]


async def test_editors_files_do_not_disturb(settings: KclSettings, root: Path) -> None:
    (root / "shop" / "kcl.mod").write_text('[dependencies]\nprovisioning = {path = "../../elsewhere"}\n')
    (root / "shop" / ".#config.k").symlink_to("somebody@somewhere")
    assert (await settings.load("shop", "config.k")).servers == (WEB,)


async def test_the_examples_are_right() -> None:
    settings, catalogue = KclSettings(Infras(EXAMPLES)), Catalogue.load()
    files = [(path.parent.name, path.name) for path in sorted(EXAMPLES.glob("*/*.k"))]
    assert files == [("demo", "config.k"), ("demo", "small.k"), ("multi-cloud", "config.k")]
    demo, small, clouds = await asyncio.gather(*(settings.load(infra, name) for infra, name in files))
    assert [spec.name for spec in demo.server_specs()] == ["web-1", "web-2", "data"]
    assert demo.servers[1].taskservs[0].params == {"port": 6380, "maxmemory_mb": 128}
    assert [server.name for server in small.servers] == ["web"]
    assert [(spec.name, spec.provider, spec.plan, spec.labels) for spec in clouds.server_specs()] == [
        ("web-1", "upcloud", "1xCPU-2GB", {"role": "web"}),
        ("web-2", "upcloud", "1xCPU-2GB", {"role": "web"}),
        ("database", "upcloud", "2xCPU-4GB", {"role": "database"}),
        ("worker-reports", "aws", "t3.small", {"role": "worker", "job": "reports"}),
        ("worker-images", "aws", "t3.large", {"role": "worker", "job": "images"}),
    ]
    assert [(cluster.cluster_type, cluster.nodes) for cluster in clouds.clusters] == [("etcd", 3)]
    for server in (*demo.servers, *small.servers, *clouds.servers):
        for item in server.taskservs:
            catalogue.check(item.name, item.params)


async def test_the_examples_for_this_machine_can_be_made(tmp_path: Path) -> None:
    provider = build_local(Settings(state_dir=tmp_path, local_isolation="process"))
    for spec in (await KclSettings(Infras(EXAMPLES)).load("demo", "config.k")).server_specs():
        provider.check(spec)


async def test_who_gets_no_turn_in_time_is_told(root: Path) -> None:
    with pytest.raises(Unavailable, match=r"^settings: too many settings files are being evaluated$"):
        await KclSettings(Infras(root), patience=0.01).load("shop", "config.k")


async def test_an_evaluation_ends_with_the_wish_for_it(settings: KclSettings, root: Path) -> None:
    RESOURCES["endless"].make(root / "shop")
    loads = [asyncio.create_task(settings.load("shop", "config.k")) for _ in range(3)]
    async with asyncio.timeout(30):
        await until(lambda: len(copies(root)) == 2)
        for task in loads:
            task.cancel()
        assert [type(e) for e in await asyncio.gather(*loads, return_exceptions=True)] == [
            asyncio.CancelledError
        ] * 3
        # What evaluates and its copy go too, and the one that waited for its turn never had one.
        await until(lambda: not copies(root))
        (root / "shop" / "config.k").write_text(SERVER)
        assert (await settings.load("shop", "config.k")).servers == (WEB,)


async def test_a_child_that_does_not_work_is_not_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"exit code 1(?s:.*)No such file"):
        await asyncio.to_thread(evaluate, tmp_path, "config.k", time.monotonic() + 30, threading.Event())


def test_copies_that_a_killed_process_left_are_removed_in_time(root: Path) -> None:
    left, current = (root.parent / "copies" / f"provisioning-settings-{name}" for name in ("left", "current"))
    for folder in (left, current):
        (folder / "infra").mkdir(parents=True)
    os.utime(left, (0, 0))
    KclSettings(Infras(root))
    assert copies(root) == [current]


_AS_SOMEBODY = """
import asyncio, sys
from pathlib import Path
from activities.infras import Infras
from activities.kcl.reader import KclSettings
print(asyncio.run(KclSettings(Infras(Path(sys.argv[1]))).load("shop", "config.k")).model_dump_json())
"""


def test_an_ordinary_user_can_read_settings(ordinary_python: Python) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "shop").mkdir()
        (Path(folder) / "shop" / "config.k").write_text(SERVER)
        found = ordinary_python.run(_AS_SOMEBODY, folder)
    assert InfraSpec.model_validate_json(found).servers == (WEB,)


async def test_mistakes_are_bounded_and_counted(settings: KclSettings, root: Path) -> None:
    text = "infra = {servers = [" + ", ".join(f'{{name = "a", x{n} = 1}}' for n in range(50)) + "]}\n"
    with pytest.raises(InvalidRequest, match=r"; and \d+ more$") as refused:
        await load(settings, root, text)
    assert len(refused.value.message) < 1000


_UNCONFINED = """
import sys
from pathlib import Path
from activities.kcl import child
child.confine = lambda folder, names: (Path(folder), ())
sys.exit(child.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("read-upwards", "config.k:1:1: KCL's file module is not available, since this machine cannot"),
        ("import-upwards", "config.k:1:1: Failed to import the module ..outside from . No KCL files"),
        ("module-path", "config.k:1:1: pkgpath outside not found in the program; config.k:1:1: Cannot find"),
    ],
)
def test_a_kernel_that_grants_nothing_leaves_nothing_to_be_read(
    root: Path, tmp_path: Path, name: str, problem: str
) -> None:
    HOSTILE[name].make(root / "shop")
    make_surroundings(root)
    with copy_of(root / "shop") as copy, (tmp_path / "report").open("w+b") as report:
        command = [sys.executable, "-c", _UNCONFINED, str(copy), "config.k"]
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=report, check=True).stdout
    found = Answer.model_validate_json(answer)
    assert found.layers == ()
    assert found.problem is not None
    assert found.problem.startswith(problem)
