"""Checkpoints over HTTP."""

from datetime import datetime

from tests.support.api import Api
from tests.support.samples import created, server


async def test_a_checkpoint_is_made_and_listed(api: Api) -> None:
    stores = api.services.stores
    made = []
    for number in range(3):
        web = server(f"web-{number}")
        await stores.ledger.append([created(web)])
        body = {"name": f"moment {number}", "description": "all well"}
        answer = await api.client.post("/rollback/checkpoints", json=body)
        assert answer.status_code == 200, answer.text
        made.append(answer.json()["data"])
    first = await api.client.get("/rollback/checkpoints", params={"limit": 2})
    assert [item["id"] for item in first.json()["data"]] == [made[2], made[1]]
    assert first.headers["X-Total-Count"] == "3"
    assert first.headers["Link"] == '</rollback/checkpoints?limit=2&offset=2>; rel="next"'
    (oldest,) = (await api.client.get("/rollback/checkpoints", params={"offset": 2})).json()["data"]
    assert (oldest["id"], oldest["name"], oldest["description"]) == (made[0], "moment 0", "all well")
    assert oldest["size"].endswith("B")
    assert datetime.fromisoformat(oldest["created_at"]).tzinfo is not None
    # Each shows its own moment.
    for number, identity in enumerate(made):
        picture = await stores.checkpoints.picture(identity)
        assert picture is not None
        names = [f"server:default/web-{n}" for n in range(number + 1)]
        assert [entry.key for entry in picture.entries] == names


async def test_what_is_left_out_of_a_checkpoint_is_left_out_of_its_row(api: Api) -> None:
    answer = await api.client.post("/rollback/checkpoints", json={"name": "bare"})
    assert answer.status_code == 200
    (newest, *_) = (await api.client.get("/rollback/checkpoints")).json()["data"]
    assert newest.keys() == {"id", "name", "created_at", "size"}


async def test_a_checkpoint_needs_a_name(api: Api) -> None:
    for body in ({}, {"name": ""}, {"name": " "}, {"name": 3}, {"name": "x", "description": None}):
        answer = await api.client.post("/rollback/checkpoints", json=body)
        assert answer.status_code == 422, body
        assert "name" in answer.json()["error"] or "description" in answer.json()["error"]
