"""Batches in the browser: logging in, a graph that changes as it runs, a lost connection, a cancel."""

from typing import Any

from playwright.async_api import expect

from tests.e2e.test_api_batches import execute, until
from tests.support.control_center import PATIENCE, ControlCenter, Screen
from tests.support.world import operation, server, taskserv


def two_steps(infra: str, **params: Any) -> list[dict[str, Any]]:
    return [
        operation("box", [], infra, server_configs=[server("box")]),
        operation("slow", ["box"], infra, taskservs=[taskserv("flaky", fail="later", **params)]),
    ]


async def becomes(screen: Screen, name: str, status: str) -> Any:
    return await until(lambda: screen.node(name), lambda node: node is not None and node["status"] == status)


async def test_a_wrong_password_is_told_and_the_right_one_lets_in(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen:
        await screen.page.goto(screen.url)
        await expect(screen.page.get_by_label("User name")).to_be_focused()
        await screen.page.keyboard.type("admin")
        await screen.page.keyboard.press("Tab")
        await screen.page.keyboard.type("wrong")
        await screen.page.keyboard.press("Enter")
        await expect(screen.page.get_by_role("alert")).to_contain_text("username", timeout=PATIENCE)
        assert await screen.violations() == []
        await screen.log_in()
        await screen.sees_heading("Batches")
        await screen.page.reload()
        await screen.is_live()
        await screen.page.get_by_role("button", name="Log out").click()
        await screen.sees_heading("Control center")
        assert await screen.page.evaluate("sessionStorage.length") == 0


async def test_nodes_change_as_they_run_also_over_a_lost_connection(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen:
        await screen.log_in()
        batch_id = await execute(control_center.api, *two_steps("page-live", seconds=8), name="live")
        await screen.page.get_by_role("link", name="live").click()
        await screen.sees_heading("live")
        running = await becomes(screen, "slow", "Running")
        async with control_center.proxy.away():
            await expect(screen.page.locator(".connection")).to_contain_text("lost", timeout=PATIENCE)
        await screen.is_live()
        completed = await becomes(screen, "slow", "Completed")
        assert running["colour"] != completed["colour"]
        assert completed["label"] == "✓ slow"
        await expect(screen.page.locator(".heading .pill")).to_have_text("✓Completed", timeout=PATIENCE)
        await expect(screen.page.locator("#announcer")).to_have_text("Batch live: Completed")
        lines = await screen.page.locator(".log li").all_inner_texts()
        assert sum("not now" in line for line in lines) == 1, lines
        await screen.page.get_by_role("button", name="slow").press("Enter")
        await expect(screen.page.get_by_text("provisioning taskserv create flaky")).to_be_visible()
        assert await screen.violations() == []
        assert not any("token" in address or "eyJ" in address for address in screen.requests)
        assert sum("/ws?since=" in address for address in screen.requests) >= 1, screen.requests
    assert batch_id


async def test_a_batch_is_cancelled_and_a_viewer_is_not_offered_that(control_center: ControlCenter) -> None:
    api = control_center.api
    batch_id = await execute(api, *two_steps("page-cancel", seconds=300), name="endless")
    viewer = await api.user("viewer")
    async with control_center.screen() as screen:
        await screen.log_in(viewer.username)
        await screen.go(f"batches/{batch_id}", "endless")
        await becomes(screen, "slow", "Running")
        assert await screen.page.get_by_role("button", name="Cancel the batch…").count() == 0
    async with control_center.screen() as screen:
        await screen.log_in()
        await screen.go(f"batches/{batch_id}", "endless")
        await screen.page.get_by_role("button", name="Cancel the batch…").click()
        assert await screen.violations() == []
        await screen.page.get_by_role("button", name="Cancel the batch", exact=True).click()
        await expect(screen.page.locator(".heading .pill")).to_have_text("⊘Cancelled", timeout=PATIENCE)
        assert (await becomes(screen, "slow", "Cancelled"))["label"] == "⊘ slow"
