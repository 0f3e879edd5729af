"""What is secret in a run is in none of its traces: logs, database, histories, snapshots, other files."""

import base64
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pymongo
import pyotp
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from temporalio.client import Client

from tests.support.stack import ROOT, Stack, a_stack
from tests.support.world import (
    answer,
    completed,
    ended,
    operation,
    server,
    submit,
    taskserv,
)

KEEPERS = {"id_ed25519", "host_key", "admin-password", "jwt-secret", "surrealdb-secret"}
"""Names of files that are there to hold a secret."""

DATA = {"mongodb", "temporal.db", "temporal.db-wal", "temporal.db-shm"}
"""The servers' own files: packed, so what is in them is read over the wire instead."""

INFRA = "secretive"
NOWHERE = "http://127.0.0.1:9"
"""Where no provider answers: their credentials are known, and nobody is asked."""


def forms(secret: bytes) -> list[bytes]:
    """In clear, and in base64 at each of the three places in a longer text where it may begin."""
    encoded = []
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret)
        # The characters that also hold bits of what stands before or after it are left out.
        encoded.append(whole[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6])
    return [secret, *encoded]


def found(secrets: dict[str, bytes], traces: Iterable[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """Which secret is in which trace."""
    written = {name: forms(secret) for name, secret in secrets.items()}
    return {
        (name, place)
        for place, text in traces
        for name, ways in written.items()
        if any(way in text for way in ways)
    }


def files_of(stack: Stack) -> Iterator[tuple[str, bytes]]:
    for path in sorted(stack.state_dir.rglob("*")):
        relative = path.relative_to(stack.state_dir)
        if path.is_symlink() or not path.is_file() or relative.parts[0] in DATA:
            continue
        if path.name in KEEPERS:
            assert path.stat().st_mode & 0o077 == 0, f"{relative} is not private"
            continue
        yield str(relative), path.read_bytes()
    yield "what the supervisor printed", stack.output.encode()


def documents_of(stack: Stack) -> Iterator[tuple[str, bytes]]:
    with pymongo.MongoClient[dict[str, object]](stack.settings.mongodb_target) as client:
        database = client[stack.settings.mongodb_database]
        for name in database.list_collection_names():
            for document in database[name].find():
                yield f"{name}: {document['_id']}", repr(document).encode()


async def histories_of(stack: Stack) -> list[tuple[str, bytes]]:
    """As JSON, in which payloads are base64; those of this test are too small to be compressed."""
    client = await Client.connect(stack.settings.temporal_target)
    histories = []
    async for execution in client.list_workflows():
        history = await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
        histories.append((f"history of {execution.id}", history.to_json().encode()))
    return histories


@pytest.mark.parametrize("before", [b"", b"1", b"12", b"123"])
def test_the_search_finds_what_is_there(before: bytes) -> None:
    for text in (before + b"a secret, and more", base64.b64encode(before + b"a secret, and more")):
        assert found({"it": b"a secret"}, [("there", text)]) == {("it", "there")}
    assert found({"it": b"a secret"}, [("there", b"nothing")]) == set()


GIVEN = {
    "admin_password": "the-admins-own-password",
    "jwt_secret": "signs-every-token-0123456789abcdef",
    "jwt_previous_secrets": "signed-the-tokens-before-0123456789",
    "encryption_key": Fernet.generate_key().decode(),
    "aws_access_key_id": "AKIAEXAMPLEOFAKEY",
    "aws_secret_access_key": "opens-an-account-at-aws-0123456789",
    "upcloud_token": "opens-an-account-at-upcloud-012345",
}
"""Secret settings."""


async def test_no_trace_of_a_run_holds_a_secret(tmp_path: Path) -> None:
    settings: dict[str, object] = {name: SecretStr(value) for name, value in GIVEN.items()}
    settings |= {"log_level": "DEBUG", "log_format": "json"}
    settings |= {"aws_regions": "eu-central-1", "aws_endpoint_url": NOWHERE, "upcloud_url": NOWHERE}
    catalogue = str(ROOT / "tests" / "catalogue")
    async with a_stack(tmp_path / "state", catalogue_dirs=catalogue, **settings) as stack:
        await stack.start()
        secrets = {name: value.encode() for name, value in GIVEN.items()}
        secrets |= await logins_of(stack)
        secrets |= await second_factor_of(stack)
        await misplaced_in(stack, *secrets.values())
        own, traces = await work_in(stack)
        secrets |= own
        traces += [*files_of(stack), *documents_of(stack), *await histories_of(stack)]

        # What is no secret is found everywhere, so a secret would be.
        places = {place for _, place in found({"no secret": INFRA.encode()}, traces)}
        assert {place.split(":")[0] for place in places} >= {"tasks", "inventory", "ledger", "events"}
        assert any(place.startswith("history of ") for place in places)
        assert {f"log/{name}.log" for name in (*stack.apis, *stack.workers)} <= {place for place, _ in traces}
        assert found(secrets, traces) == set()
        for name in stack.apis:
            for line in (stack.state_dir / "log" / f"{name}.log").read_text().splitlines():
                assert line.startswith(("{", "first admin")), line


async def logins_of(stack: Stack) -> dict[str, bytes]:
    """The passwords and tokens of a user: right, wrong, exchanged and new ones."""
    http, password = stack.http, "a-users-very-own-password"
    new = {"username": "somebody", "password": password, "roles": ["viewer"]}
    assert (await http.post("/users", json=new)).status_code == 200
    token = await token_for(stack, password)
    own = {"Authorization": f"Bearer {token}"}
    renewed = await http.post("/auth/refresh", json={"token": token}, headers=own)
    assert renewed.status_code == 200, renewed.text
    wrong, changed = "a-mistyped-password-1", "a-later-password-of-theirs"
    mistyped = await http.post("/auth/login", json={"username": "somebody", "password": wrong})
    assert mistyped.status_code == 401
    assert (await http.put("/users/somebody/password", json={"password": changed})).status_code == 200
    return {
        "password": password.encode(),
        "token": token.encode(),
        "refreshed token": str(renewed.json()["data"]["token"]).encode(),
        "admin's token": http.headers["authorization"].removeprefix("Bearer ").encode(),
        "wrong password": wrong.encode(),
        "changed password": changed.encode(),
        "token for the changed password": (await token_for(stack, changed)).encode(),
    }


async def token_for(stack: Stack, password: str, **more: str) -> str:
    body = {"username": "somebody", "password": password, **more}
    entered = await stack.http.post("/auth/login", json=body)
    assert entered.status_code == 200, entered.text
    return str(entered.json()["data"]["token"])


async def second_factor_of(stack: Stack) -> dict[str, bytes]:
    begun = (await stack.http.post("/users/somebody/mfa")).json()["data"]
    step, totp = int(time.time()) // 30, pyotp.TOTP(begun["secret"])
    confirmed = await stack.http.post("/users/somebody/mfa/confirm", json={"code": totp.generate_otp(step)})
    assert confirmed.status_code == 200, confirmed.text
    # A code works once, so it is the next one's turn.
    token = await token_for(stack, "a-later-password-of-theirs", mfa_code=totp.generate_otp(step + 1))
    return {"second factor": begun["secret"].encode(), "token by it": token.encode()}


async def misplaced_in(stack: Stack, *secrets: bytes) -> None:
    """Sends secrets where they do not belong; no answer repeats one."""
    for secret in map(bytes.decode, secrets):
        unfit = {"name": "n", "operations": {"password": secret}}
        answers = [
            await stack.http.post("/batch/execute", json=unfit),
            await stack.http.post("/batch/execute", content=json.dumps(secret)[:-1]),
            await stack.http.get("/ws", params={"token": secret}),
            await stack.http.get("/tasks", headers={"Authorization": f"Bearer {secret}x"}),
        ]
        assert [answer.status_code for answer in answers[:2]] == [422, 400]
        assert not any(secret in answer.text for answer in answers)


async def work_in(stack: Stack) -> tuple[dict[str, bytes], list[tuple[str, bytes]]]:
    """A batch, one that fails, and a rollback.

    The secrets that the stack made for itself, the files while the servers stood, and what clients see.
    """
    made = await stack.http.post("/rollback/checkpoints", json={"name": "before"})
    batch = await completed(
        stack,
        [
            operation("made", [], INFRA, server_configs=[server("web")]),
            operation("served", ["made"], INFRA, taskservs=[taskserv("echo")]),
        ],
        storage_backend="surrealdb",
    )
    failing = [operation("fails", [], INFRA, taskservs=[taskserv("flaky", fail="create")])]
    assert (await ended(stack, await submit(stack, failing)))["status"] == "Failed"
    secrets, during = kept_by(stack), [*files_of(stack)]
    for path in ("/tasks", "/inventory/effects", f"/state/workflows/{batch['batch_id']}/snapshots"):
        during.append((path, json.dumps(await answer(stack, path)).encode()))
    back = await stack.http.post(
        "/rollback/execute", json={"checkpoint_id": made.json()["data"]}, timeout=120
    )
    assert back.status_code == 200, back.text
    return secrets, during


def kept_by(stack: Stack) -> dict[str, bytes]:
    """The secrets that the stack made for itself."""
    secrets = {"password of SurrealDB": (stack.state_dir / "surrealdb-secret").read_bytes().strip()}
    for path in (stack.state_dir / "ssh" / "id_ed25519", *stack.state_dir.rglob("host_key")):
        secrets[str(path)] = b"".join(path.read_bytes().splitlines()[2:4])
        secrets[f"{path}, a line"] = path.read_bytes().splitlines()[2]
    return secrets
