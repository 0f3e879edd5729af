"""What people meet only now and then at the control center: late answers, refusals, and what they copy."""

import contextlib
import json

import pytest
from playwright.async_api import Route, expect

from tests.support.api import PASSWORD
from tests.support.control_center import PATIENCE, ControlCenter
from tests.support.stack import eventually


@pytest.mark.parametrize("page", ["docs", "redoc"])
async def test_the_documentation_is_of_files_of_ours_alone(control_center: ControlCenter, page: str) -> None:
    async with control_center.screen() as screen:
        held_back: list[str] = []
        screen.page.on("requestfailed", lambda request: held_back.append(f"{request.url} {request.failure}"))
        await screen.page.goto(f"{screen.url}{page}")
        await expect(screen.page.get_by_text("/batch/execute").first).to_be_visible(timeout=PATIENCE)

        def all_foreign_ones_are_held_back() -> bool:
            own = (screen.url, "data:", "blob:")
            return [f"{one} csp" for one in screen.requests if not one.startswith(own)] == held_back

        # Redoc would show a picture of its makers; the browser does not ask them for it, and says so next.
        await eventually(all_foreign_ones_are_held_back)
        screen.complaints.clear()


async def test_requests_are_tried_out_at_the_server_whose_page_it_is(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen:
        page = screen.page
        await page.goto(f"{screen.url}docs")
        health = page.locator("#operations-Health-healthCheck")
        await health.get_by_role("button").first.click(timeout=PATIENCE)
        await health.get_by_role("button", name="Try it out").click()
        async with page.expect_response(f"{screen.url}health") as answered:
            await health.get_by_role("button", name="Execute").click()
        assert (await answered.value).ok


async def test_what_may_have_been_started_is_sent_again_under_its_key(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen:
        page = screen.page
        await screen.log_in()
        await screen.go("submit", "Submit")
        keys: list[str | None] = []

        async def unknown(route: Route) -> None:
            keys.append(await route.request.header_value("Idempotency-Key"))
            statuses = {1: 503, 2: 422}
            content = {"success": False, "error": "it is not known whether it was started", "request_id": "r"}
            await route.fulfill(status=statuses.get(len(keys), 503), json=content)

        await page.route("**/batch/execute", unknown)
        await page.get_by_label("Batch file").fill(json.dumps({"name": "n", "operations": []}))
        for _ in range(3):
            async with page.expect_response("**/batch/execute"):
                await page.get_by_role("button", name="Submit", exact=True).click()
            await expect(page.get_by_role("alert")).to_contain_text("not known", timeout=PATIENCE)
            await expect(page.get_by_role("button", name="Submit", exact=True)).to_be_enabled()
        assert keys[0] and keys[0] == keys[1]
        # What was refused is another request, should it be sent again.
        assert keys[2] != keys[1]
        screen.complaints.clear()  # the browser's own, of the 503


async def test_a_command_line_means_the_same_to_shells_that_know_braces(
    control_center: ControlCenter,
) -> None:
    async with control_center.screen() as screen:
        await screen.page.goto(screen.url)
        told = await screen.page.evaluate(
            """async () => {
                const { commandLine } = await import("/control-center/page/modules/facts.js");
                const args = ["web-{1..3}", "a={b,c}", "it's", "x=1"];
                return commandLine({ command: "provisioning", args });
            }"""
        )
    assert told == "provisioning web-{1..3} 'a={b,c}' 'it'\\''s' x=1"


async def test_what_was_refused_is_told_also_once_all_was_read_again(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen:
        await screen.log_in()
        await screen.go("users", "Users")
        await screen.fill({"User name": "admin", "Password": PASSWORD})
        await screen.page.get_by_role("button", name="Make the user").click()
        refused = screen.page.get_by_role("alert")
        await expect(refused).to_contain_text(
            "there is a user 'admin' already", timeout=PATIENCE, ignore_case=True
        )
        async with contextlib.AsyncExitStack() as reading_again:
            async with control_center.proxy.away():
                await expect(screen.page.locator(".connection")).to_contain_text("lost", timeout=PATIENCE)
                # Before there is a way: the page reads as soon as it finds one.
                await reading_again.enter_async_context(screen.page.expect_response("**/users"))
            await screen.is_live()
        await screen.page.wait_for_timeout(500)
        await expect(refused).to_contain_text("already")


async def test_an_operation_that_was_heard_to_run_is_not_set_back_by_a_late_answer(
    control_center: ControlCenter,
) -> None:
    async with control_center.screen() as screen:
        await screen.page.goto(screen.url)
        told = await screen.page.evaluate(
            """async () => {
                const { Work } = await import("/control-center/page/modules/batch/work.js");
                const work = new Work("b");
                const read = (status) => work.read({
                    name: "n", status: "Running", created_at: "2026-01-31T12:00:00Z",
                    operations: [{ id: "a", task_id: "t", status, progress: 0 }],
                });
                const hear = (status) => work.apply({
                    event_type: "TaskStatusChanged", timestamp: "2026-01-31T12:00:01Z",
                    data: { task_id: "t", status }, metadata: { batch_id: "b" },
                });
                const seen = () => work.operations.get("t").status;
                read("Pending"); hear("Running"); read("Pending");
                const late = seen();
                read("Completed"); read("Running");
                return [late, seen()];
            }"""
        )
    assert told == ["Running", "Completed"]


async def test_what_met_an_exchanged_token_is_asked_again_with_the_new_one(
    control_center: ControlCenter,
) -> None:
    async with control_center.screen() as screen:
        await screen.page.goto(screen.url)
        told = await screen.page.evaluate(
            """async () => {
                const { Http } = await import("/control-center/page/modules/http.js");
                const session = { token: "old", ended: 0, end() { this.ended += 1; } };
                const asked = [];
                window.fetch = async (_url, { headers }) => {
                    asked.push(headers.Authorization);
                    const isOld = headers.Authorization === "Bearer old";
                    session.token = "new";
                    const content = isOld ? { success: false, error: "no" } : { success: true, data: 1 };
                    return new Response(JSON.stringify(content), { status: isOld ? 401 : 200 });
                };
                return [await new Http(session).call("GET", "tasks"), session.ended, asked];
            }"""
        )
    assert told == [1, 0, ["Bearer old", "Bearer new"]]


async def test_a_duplicated_tab_takes_over_the_token_that_the_other_one_got(
    control_center: ControlCenter,
) -> None:
    begun = """async () => {
        const { Session } = await import("/control-center/page/modules/session.js");
        window.session = new Session();
        if (!session.isIn) session.begin({ token: "old", user: { roles: [] } }, 60_000);
        return session.token;
    }"""
    async with control_center.screen() as screen:
        await screen.page.goto(screen.url)
        assert await screen.page.evaluate(begun) == "old"
        async with screen.page.expect_popup() as opening:
            await screen.page.evaluate("window.open(location.href)")
        other = await opening.value
        await other.wait_for_load_state()
        # What duplicating does.
        kept = await screen.page.evaluate("JSON.stringify({...sessionStorage})")
        await other.evaluate("kept => Object.assign(sessionStorage, JSON.parse(kept))", kept)
        assert await other.evaluate(begun) == "old"
        await screen.page.evaluate("session.renewed('new', 60_000)")

        async def has_it() -> bool:
            return bool(await other.evaluate("session.token === 'new'"))

        await eventually(has_it)
        assert "new" in await other.evaluate("Object.values(sessionStorage).join()")
        await other.close()
