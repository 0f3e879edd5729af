"""The control center in Debian's Chromium: an API with a worker, a way to it that can be cut, and pages."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect
from temporalio.client import Client

from activities.assembly import assemble
from activities.catalogue.cluster_types import ClusterCatalogue
from activities.presence import presence
from activities.providers.local.entry import build_local
from activities.providers.registry import build_providers
from activities.remote.door import SshDoor
from deploy.local.ports import free_port
from tests.support.api import PASSWORD, Api, api_settings, running_api
from tests.support.command_line import served
from tests.support.cuttable_proxy import CuttableProxy, cuttable_proxy
from tests.support.mongodb import EmbeddedMongo
from tests.support.stack import ROOT
from tests.support.supervised import supervised
from worker import create_worker

PATIENCE = 90_000
"""Milliseconds for what is waited for, on a busy machine."""

# Also for what is expected without saying so: 5 seconds would be Playwright's own.
expect.set_options(timeout=PATIENCE)

WIDE, NARROW = 1280, 400
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@dataclass
class Screen:
    """A page of the browser, and what it complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The addresses that were asked for, those of WebSockets among them."""

    def __post_init__(self) -> None:
        page = self.page
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))

    def _said(self, kind: str, text: str) -> None:
        # A request that is refused, or that nobody answers, is told there by the browser itself.
        told = ("net::ERR", "status of 4", "HTTP Authentication failed")
        if kind in ("error", "warning") and not any(words in text for words in told):
            self.complaints.append(text)

    async def log_in(self, username: str = "admin", password: str = PASSWORD, code: str = "") -> None:
        await self.page.goto(self.url)
        await self.fill({"User name": username, "Password": password, "Code": code})
        await self.page.get_by_role("button", name="Log in").click()
        await self.is_live()

    async def is_live(self) -> None:
        await expect(self.page.locator(".connection")).to_have_text("●Live", timeout=PATIENCE)

    async def go(self, place: str, heading: str) -> None:
        """Shows a view, by its part of the address, and waits for its heading."""
        await self.page.goto(f"{self.url}#/{place}")
        await self.sees_heading(heading)

    async def fill(self, fields: Mapping[str, str]) -> None:
        """Types into fields, by their labels."""
        for label, text in fields.items():
            await self.page.get_by_label(label, exact=True).fill(text)

    async def sees_heading(self, heading: str) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(heading, timeout=PATIENCE)

    async def node(self, operation: str) -> Mapping[str, Any] | None:
        """How an operation is drawn: `label`, `status`, `colour` and where."""
        found: Mapping[str, Any] | None = await self.page.evaluate(
            """(name) => {
                const cy = document.querySelector(".graph")?._cyreg?.cy;
                const node = cy?.nodes().filter((one) => one.data("label").slice(2) === name)[0];
                return node ? { ...node.data(), ...node.renderedPosition(),
                                colour: node.style("background-color") } : null;
            }""",
            operation,
        )
        return found

    async def violations(self) -> list[str]:
        """What axe finds wrong with what is shown now."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(Axe().axe_script)
        found = await self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found["violations"]
        ]

    async def misfits(self, *widths: int) -> list[str]:
        """What sticks out of a window of one of these widths, or is found by axe there, in both schemes."""
        found: list[str] = []
        for width in widths:
            await self.page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme=scheme)
                wrong = await self.violations()
                if await self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wrong.append("it is wider than the window")
                found += [f"{width}, {scheme}: {one}" for one in wrong]
        return found


@dataclass(frozen=True)
class ControlCenter:
    """Served behind a proxy that can be cut."""

    api: Api
    browser: Browser
    proxy: CuttableProxy

    @property
    def url(self) -> str:
        return f"http://{self.proxy.address}/"

    @contextlib.asynccontextmanager
    async def screen(self, *, width: int = WIDE, dark: bool = False) -> AsyncIterator[Screen]:
        """A window of its own, logged out. What the browser complains about fails the test."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
            permissions=["clipboard-read", "clipboard-write"],
        )
        try:
            screen = Screen(await context.new_page(), self.url)
            yield screen
            assert screen.complaints == []
        finally:
            await context.close()


def chromium() -> str:
    """The program; a test that needs it is skipped without."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium on this machine")
    return found


@pytest.fixture(scope="module")
async def control_center(
    mongodb: EmbeddedMongo, temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ControlCenter]:
    program = chromium()
    folder = tmp_path_factory.mktemp("page")
    async with working_api(folder, mongodb, temporal) as api, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            # Root may not use its sandbox, and it shows only our own page.
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        port = api.settings.control_center_port
        try:
            async with served(api.app, port) as url, cuttable_proxy(url.removeprefix("http://")) as proxy:
                yield ControlCenter(api, browser, proxy)
                await browser.close()
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def working_api(folder: Path, mongodb: EmbeddedMongo, temporal: Client) -> AsyncIterator[Api]:
    """An API with a worker that makes local servers and the task services of the tests."""
    tests = ROOT / "tests"
    changes = {"catalogue_dirs": str(tests / "catalogue"), "infra_dir": tests / "infra"}
    settings = api_settings(folder / "state", mongodb, temporal).model_copy(
        update=changes | {"control_center_port": free_port()}
    )
    door = SshDoor(settings.state_dir)
    try:
        async with running_api(settings, temporal) as api:
            stores, providers = api.services.stores, build_providers(settings)
            catalogue = ClusterCatalogue.from_settings(settings)
            contracts = assemble(temporal, stores, providers, catalogue, door)
            async with (
                supervised(lambda: create_worker(temporal, settings.task_queue, contracts)),
                # Or the service would not be healthy, once it has run for some seconds.
                presence(stores.workers, settings.task_queue),
            ):
                yield api
    finally:
        await door.close()
        await build_local(settings).remove_all()
