"""One request can be followed through the logs of all processes, by its id."""

import re
from uuid import uuid4

from tests.support.stack import Stack, eventually


def lines_about(stack: Stack, process: str, request: str) -> list[str]:
    written = (stack.state_dir / "log" / f"{process}.log").read_text()
    return [line for line in written.splitlines() if f"request_id={request}" in line]


async def test_a_workers_lines_name_the_request_that_the_work_began_with(stack: Stack) -> None:
    request, infra = f"from-{uuid4().hex}", "followed"
    config = {"server_configs": [{"name": "one", "plan": "1xCPU-1GB", "zone": "local"}], "infra": infra}
    make = {"id": "make", "type": "server_batch", "provider": "local", "dependencies": [], "config": config}
    broken = {"taskservs": [{"name": "flaky", "params": {"fail": "create"}}], "infra": infra}
    fail = {"id": "fail", "type": "taskserv_batch", "provider": "local", "dependencies": ["make"]}
    body = {"name": "followed", "operations": [make, fail | {"config": broken}]}
    accepted = await stack.http.post("/batch/execute", json=body, headers={"X-Request-ID": request})
    assert accepted.status_code == 200, accepted.text
    batch_id = accepted.json()["data"]["batch_id"]

    async def has_ended() -> bool:
        found = (await stack.http.get(f"/batch/operations/{batch_id}")).json()["data"]
        return bool(found["status"] == "Failed")

    await eventually(has_ended)
    api, worker = (
        [
            line
            for line in (stack.state_dir / "log" / f"{name}.log").read_text().splitlines()
            if request in line
        ]
        for name in ("api", "worker-1")
    )
    assert any("/batch/execute" in line for line in api)
    done = [line for line in worker if "done in" in line and "activity=create_server" in line]
    failed = [line for line in worker if "activity=install_taskserv" in line]
    for lines, operation_id in ((done, "make"), (failed, "fail")):
        assert lines, worker
        for line in lines:
            context = dict(re.findall(r" (\w+)=(\S+)", line))
            named = (context["request_id"], context["batch_id"], context["operation_id"])
            assert named == (request, batch_id, operation_id)
