"""What people meet only now and then at the control center: late answers, refusals, and what they copy."""

from playwright.async_api import expect

from tests.support.control_center import PATIENCE, ControlCenter


async def test_the_documentation_is_of_files_of_ours_alone(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen:
        await screen.page.goto(f"{screen.url}docs")
        await expect(screen.page.get_by_text("/batch/execute").first).to_be_visible(timeout=PATIENCE)
        assert [one for one in screen.requests if not one.startswith((screen.url, "data:"))] == []
