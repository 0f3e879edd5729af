"""The control center as people use it, in a real browser."""

import json
from typing import Any

from playwright.async_api import expect

from tests.e2e.test_api_batches import data, ended, execute, until
from tests.e2e.test_api_second_factor import codes
from tests.e2e.test_cli_live import two_steps
from tests.support.api import PASSWORD
from tests.support.control_center import NARROW, PATIENCE, WIDE, ControlCenter, Screen
from tests.support.world import operation, server, taskserv


def one_server(infra: str) -> dict[str, Any]:
    return operation("box", [], infra, server_configs=[server("box")])


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
        batch_id = await execute(control_center.api, *two_steps("page-live", seconds=15), name="live")
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


async def test_a_batch_file_is_planned_and_submitted(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen:
        page = screen.page
        await screen.log_in()
        await screen.go("submit", "Submit")
        await page.get_by_label("Batch file").fill("name: [planned")
        await page.get_by_role("button", name="Plan").click()
        await expect(page.get_by_role("alert")).to_contain_text(
            "no YAML, at line 1, column", timeout=PATIENCE
        )
        file = {"name": "planned", "operations": [one_server("page-submit")]}
        await page.get_by_label("Choose a file…").set_input_files(
            {"name": "b.json", "mimeType": "application/json", "buffer": json.dumps(file).encode()}
        )
        await page.get_by_role("button", name="Plan").click()
        plan = page.get_by_role("region", name="Plan")
        await expect(plan).to_contain_text("1 to create", timeout=PATIENCE)
        await expect(plan).to_contain_text("page-submit/box")
        assert await screen.violations() == []
        await page.get_by_role("button", name="Submit", exact=True).click()
        await screen.sees_heading("planned")
        await expect(page.locator(".heading .pill")).to_have_text("✓Completed", timeout=PATIENCE)
        await screen.go("inventory", "Inventory")
        await page.get_by_label("Find").fill("page-submit")
        row = page.get_by_role("row", name="page-submit/box").first
        await expect(row).to_contain_text("Running", timeout=PATIENCE)


async def test_what_came_after_a_checkpoint_is_undone_once_it_was_seen(control_center: ControlCenter) -> None:
    api = control_center.api
    async with control_center.screen() as screen:
        page = screen.page
        await screen.log_in()
        await screen.go("checkpoints", "Checkpoints")
        await screen.fill({"Name": "before"})
        await page.get_by_role("button", name="Create checkpoint").click()
        roll_back = page.get_by_role("button", name="Roll back to before…")
        await expect(roll_back).to_be_visible(timeout=PATIENCE)
        await ended(api, await execute(api, one_server("page-undo"), name="after"))
        await roll_back.click()
        preview = page.get_by_role("region", name="Back to “before”")
        await expect(preview).to_contain_text("delete server page-undo/box", timeout=PATIENCE)
        assert await screen.violations() == []
        assert await data(api, "/inventory/servers", infra="page-undo") != []
        await preview.get_by_role("button", name="Undo 1 change").click()
        await expect(preview).to_contain_text("1 change undone, 0 could not be", timeout=PATIENCE)
    assert await data(api, "/inventory/servers", infra="page-undo") == []


async def test_what_an_infra_describes_is_planned_carried_out_and_undone(
    control_center: ControlCenter,
) -> None:
    async with control_center.screen() as screen:
        page = screen.page
        await screen.log_in()
        await screen.go("submit/infra", "Submit")
        for settings, told in (("<b>no</b>.k", "no file '<b>no</b>.k'"), ("wrong.k", "line 6, column 9: ")):
            await screen.fill({"Infra": "page", "Settings file": settings})
            await page.get_by_role("button", name="Plan").click()
            await expect(page.get_by_role("alert")).to_contain_text(told, timeout=PATIENCE)
        assert await screen.violations() == []
        await page.get_by_label("Clusters").check()
        await screen.fill({"Settings file": "cluster.k", "Cluster type": "chorus"})
        await page.get_by_role("button", name="Plan").click()
        plan = page.get_by_role("region", name="Plan")
        await expect(plan).to_contain_text("+ server page/choir-1", timeout=PATIENCE)
        await plan.get_by_role("button", name="Carry it out").click()

        await screen.sees_heading("create_chorus")
        await expect(page.locator(".heading .pill")).to_have_text("✓Completed", timeout=PATIENCE)
        output = page.get_by_role("region", name="Output")
        await expect(output).to_contain_text("created server page/choir-1", timeout=PATIENCE)
        await page.get_by_role("button", name="Copy").click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == "provisioning cluster create chorus --infra page --settings cluster.k"
        await page.get_by_text("History").click()
        history = page.get_by_role("region", name="History")
        await expect(history.locator("tbody tr").last).to_contain_text("✓Completed", timeout=PATIENCE)
        task = page.url
        await screen.go("inventory", "Inventory")
        clusters = page.get_by_role("region", name="Clusters")
        await expect(clusters.get_by_role("row", name="page/choir")).to_contain_text("choir-1")
        await page.goto(task)
        await page.get_by_role("button", name="Undo…").click()
        preview = page.get_by_role("region", name="Undo create_chorus")
        await expect(preview).to_contain_text("delete server page/choir-1", timeout=PATIENCE)
        await preview.get_by_role("button", name="Undo").click()
        await preview.get_by_role("link", name="its task").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("rollback of ", timeout=PATIENCE)
        await expect(page.locator(".heading .pill")).to_have_text("✓Completed", timeout=PATIENCE)
    assert await data(control_center.api, "/inventory/clusters", infra="page") == []


async def test_a_task_is_followed_live_and_cancelled(control_center: ControlCenter) -> None:
    api = control_center.api
    await api.client.post("/workflows/servers/create", json={"infra": "page", "wait": True}, timeout=90)
    async with control_center.screen() as screen:
        page = screen.page
        await screen.log_in()
        await screen.go("submit/infra", "Submit")
        await page.get_by_label("A task service").check()
        await screen.fill({"Infra": "page", "Settings file": "slow.k", "Task service": "flaky"})
        await page.get_by_role("button", name="Submit", exact=True).click()
        await screen.sees_heading("create_flaky")
        log = page.get_by_role("region", name="Log")
        empty = await log.bounding_box()
        assert empty is not None
        assert empty["height"] < 150
        await expect(log.locator("li")).to_contain_text(["not now"], timeout=PATIENCE)
        task = page.url
        await screen.go("tasks", "Tasks")
        await page.get_by_label("Status").select_option("Running")
        await expect(page.get_by_role("row", name="create_flaky")).to_contain_text("runs for")
        await expect(page.get_by_role("row", name="create_servers")).to_have_count(0)
        await page.goto(task)
        # The log is kept from the login on.
        await expect(log.locator("li")).to_contain_text(["not now"], timeout=PATIENCE)
        await page.get_by_role("button", name="Cancel the task…").click()
        await page.get_by_role("button", name="Cancel the task", exact=True).click()
        await expect(page.locator(".heading .pill")).to_have_text("⊘Cancelled", timeout=PATIENCE)
        await expect(page.get_by_text("cancelled by admin")).to_be_visible()
        await expect(page.get_by_role("button", name="Undo…")).to_be_visible()


async def test_an_admin_manages_users_and_sees_it_in_the_audit_log(control_center: ControlCenter) -> None:
    async with control_center.screen() as screen, control_center.screen() as other:
        page = screen.page
        await screen.log_in()
        await screen.go("users", "Users")
        await screen.fill({"User name": "newcomer", "Password": PASSWORD})
        await page.get_by_role("button", name="Make the user").click()
        row = page.get_by_role("row", name="newcomer")
        await expect(row).to_contain_text("viewer", timeout=PATIENCE)
        await page.get_by_role("button", name="Change newcomer").click()
        await page.get_by_role("button", name="Turn it on").click()
        await expect(page.get_by_label("QR code of the second factor")).to_be_visible(timeout=PATIENCE)
        assert await screen.violations() == []
        secret = await page.locator("dt:has-text('Secret') + dd").inner_text()
        await page.get_by_label("Code that it shows").fill(codes(secret)[0])
        await page.get_by_role("button", name="Confirm").click()
        await expect(row).to_contain_text("Second factor", timeout=PATIENCE)

        # Later than the one that was used, and reckoned only now: it is not good for long.
        await other.log_in("newcomer", code=codes(secret)[1])
        sections = other.page.get_by_role("navigation", name="Sections").get_by_role("link")
        await expect(sections.last).to_have_text("System")
        for place in ("users", "audit"):
            await other.go(place, "There is nothing here")
            await expect(other.page.get_by_text("This needs the role admin.")).to_be_visible()
        await page.get_by_role("button", name="Disable…").click()
        await page.get_by_role("button", name="Disable the user").click()
        await expect(row).to_contain_text("Disabled", timeout=PATIENCE)
        await expect(other.page.get_by_role("alert")).to_contain_text("has expired", timeout=PATIENCE)

        await screen.go("audit", "Audit")
        await screen.fill({"User": "admin", "Path": "/users/{username}"})
        await page.get_by_role("button", name="Show").click()
        entries = page.get_by_role("region", name="Entries").locator("tbody tr")
        await expect(entries).to_have_count(1, timeout=PATIENCE)
        await expect(entries).to_contain_text("PATCH /users/{username}")
        await expect(entries).to_contain_text("username: newcomer")
    assert not any(PASSWORD in address or secret in address for address in screen.requests)


async def test_every_view_fits_in_both_schemes_and_axe_finds_nothing(control_center: ControlCenter) -> None:
    (task,) = await data(control_center.api, "/tasks", limit=1)
    narrow = {"batches": "Batches", "submit": "Submit", "checkpoints": "Checkpoints", "system": "System"}
    narrow |= {"nowhere": "There is nothing here"}
    both = {"tasks": "Tasks", f"tasks/{task['id']}": task["name"], "submit/infra": "Submit"}
    both |= {"inventory": "Inventory", "users": "Users", "audit": "Audit"}
    async with control_center.screen(width=NARROW) as screen:
        page = screen.page
        await screen.log_in()
        async with control_center.proxy.away():
            await expect(page.locator(".connection")).to_contain_text("lost", timeout=PATIENCE)
            assert await screen.misfits(NARROW) == []
        for place, heading in (narrow | both).items():
            await screen.go(place, heading)
            await expect(page.get_by_text("Loading…")).to_have_count(0, timeout=PATIENCE)
            if place == "system":
                await expect(page.locator(".chart canvas")).to_have_count(4, timeout=PATIENCE)
                await expect(page.get_by_role("row", name="mongodb")).to_contain_text("Healthy")
            if place == "inventory":
                await page.get_by_role("button", name="Compare").click()
                await expect(page.get_by_text("no difference.")).to_be_visible(timeout=PATIENCE)
            if place == "tasks":
                # A few rows are as good as many, and sooner looked through.
                await page.get_by_label("Status").select_option("Cancelled")
                await expect(page.locator('.pill[data-tone="completed"]')).to_have_count(0)
            if place == "users":
                await page.get_by_role("button", name="Change admin").click()
                await expect(page.get_by_role("heading", name="admin")).to_be_visible()
            assert await screen.misfits(NARROW, *[WIDE] * (place in both)) == [], place


async def test_five_hundred_operations_are_one_graph(control_center: ControlCenter) -> None:
    api = control_center.api
    # There is no such server, so nothing is begun of what depends on it.
    gate = operation("gate", [], "page-many", taskservs=[taskserv("beacon")], servers=["box"])
    needs = [["gate"] if i < 20 else [f"op-{i - 20}"] for i in range(499)]
    many = [
        operation(f"op-{i}", needs[i], "page-many", server_configs=[server(f"s-{i}")]) for i in range(499)
    ]
    batch_id = await execute(api, gate, *many, name="many", parallel_limit=1, rollback_enabled=False)
    async with control_center.screen() as screen:
        await screen.log_in()
        await screen.go(f"batches/{batch_id}", "many")
        await expect(screen.page.locator(".graph")).to_have_attribute("data-placed", "true", timeout=PATIENCE)
        await expect(screen.page.locator("tbody tr")).to_have_count(500)
        drawn = await screen.page.evaluate("document.querySelector('.graph')._cyreg.cy.nodes().length")
        assert drawn == 500
        await ended(api, batch_id)
        assert (await becomes(screen, "op-498", "Cancelled"))["label"] == "⊘ op-498"
