"""Settings files that are broken or mean harm: each gets its error, in time, and harms nothing."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from activities.infras import Infras
from activities.kcl import limits
from activities.kcl.reader import AT_ONCE, KclSettings
from tests.support.hostile_settings import HOSTILE, SECRET, make_surroundings
from workflows.domain.errors import InvalidRequest

ACCEPTABLE = 10
"""Seconds within which each file must have its error."""

Loads = Mapping[str, asyncio.Task[object]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile") / "infra"
    root.mkdir()
    make_surroundings(root)
    for name, hostile in HOSTILE.items():
        (root / name).mkdir()
        hostile.make(root / name)
    return root


@pytest.fixture(scope="module")
async def loads(root: Path) -> AsyncIterator[Loads]:
    """All of them at once, so that those that take long do not hold up the others."""
    (root.parent / "copies").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(root.parent / "copies"))
        settings, turns = KclSettings(Infras(root)), asyncio.Semaphore(AT_ONCE)

        async def load(name: str) -> object:
            async with turns:
                return await settings.load(name, HOSTILE[name].settings)

        tasks = {name: asyncio.create_task(load(name)) for name in HOSTILE}
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


def test_an_evaluation_ends_in_time_whatever_it_does() -> None:
    # A deadline and not a stopwatch, which would measure how busy the machine is.
    assert limits.DEADLINE < ACCEPTABLE


@pytest.mark.parametrize("name", HOSTILE)
async def test_each_gets_its_error(loads: Loads, root: Path, name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await loads[name]
    message = refused.value.message
    assert message.startswith("settings: ")
    assert HOSTILE[name].says in message
    assert message.isprintable()
    assert len(message) < 3000
    for private in (SECRET, str(root), "provisioning-settings-", "root:"):
        assert private not in message


@pytest.fixture(scope="module")
async def afterwards(loads: Loads) -> None:
    await asyncio.gather(*loads.values(), return_exceptions=True)


def test_the_world_is_as_before(afterwards: None, root: Path) -> None:
    beside = {path.name for path in root.iterdir()} - HOSTILE.keys()
    assert beside == {"secret.k", "outside", "kcl.mod"}
    assert SECRET in (root / "secret.k").read_text()
    assert not list((root.parent / "copies").iterdir())
