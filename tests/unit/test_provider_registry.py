"""How providers are registered, those of other packages too, and what is said of one that is not there."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from activities.providers import registry
from activities.providers.entry import GROUP, ProviderEntry
from activities.providers.registry import ProviderRegistry, build_providers
from activities.settings import Settings
from tests.support.memory_provider import MemoryProvider
from workflows.domain.errors import InvalidRequest

MEMORY = ProviderEntry(lambda _: MemoryProvider())
MISNAMED = MEMORY
UNCONFIGURED = ProviderEntry(lambda _: None, needs="ELSEWHERE_TOKEN")
NO_ENTRY = "a text"

PLUGIN = """
from activities.providers.entry import ProviderEntry
from tests.support.memory_provider import MemoryProvider
PROVIDER = ProviderEntry(lambda settings: MemoryProvider())
"""
METADATA = "Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, local_isolation="process")


def registers(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = [EntryPoint(name, f"{__name__}:{value}", GROUP) for name, value in points.items()]
    monkeypatch.setattr(registry, "entry_points", lambda **_: found)


def test_an_installed_package_adds_a_provider(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = MemoryProvider().name
    (tmp_path / "elsewhere.py").write_text(PLUGIN)
    metadata = tmp_path / "elsewhere-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(METADATA)
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = elsewhere:PROVIDER\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert isinstance(build_providers(settings).get(name), MemoryProvider)


def test_one_that_is_not_configured_is_not_offered_and_says_what_it_needs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registers(monkeypatch, elsewhere="UNCONFIGURED")
    providers = build_providers(settings)
    assert "elsewhere" not in providers.names()
    with pytest.raises(InvalidRequest, match=r"'elsewhere' is not configured here; it needs ELSEWHERE_TOKEN"):
        providers.get("elsewhere")


def test_local_servers_can_be_switched_off(settings: Settings) -> None:
    providers = build_providers(settings.model_copy(update={"local_isolation": "off"}))
    assert "local" not in providers.names()
    with pytest.raises(InvalidRequest, match="needs PROVISIONING_LOCAL_ISOLATION not to be `off`"):
        providers.get("local")


def test_an_unknown_one_is_told_which_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"there is no provider 'nowhere'; there are: memory"):
        ProviderRegistry([MemoryProvider()]).get("nowhere")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("local", "MEMORY", "there is one already"),
        ("elsewhere", "NO_ENTRY", "is no ProviderEntry"),
        ("elsewhere", "NOT_THERE", "cannot be loaded"),
        ("elsewhere", "MISNAMED", "calls itself"),
    ],
)
def test_what_cannot_be_used_is_told_at_the_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    registers(monkeypatch, **{name: value})
    with pytest.raises(ValueError, match=message):
        build_providers(settings)
