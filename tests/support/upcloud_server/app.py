"""The HTTP side: UpCloud's paths, and our own under `/control`."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tests.support.upcloud_server import shapes
from tests.support.upcloud_server.catalogue import TEMPLATES
from tests.support.upcloud_server.cloud import Cloud
from tests.support.upcloud_server.control import control_routes
from tests.support.upcloud_server.errors import ApiError, invalid, no_such, unknown_attribute
from tests.support.upcloud_server.faults import Faults
from tests.support.upcloud_server.machines import Machines
from tests.support.upcloud_server.orders import labels, order

Next = Callable[[Request], Awaitable[Response]]


class Account(NamedTuple):
    token: str
    username: str
    password: str

    def lets_in(self, header: str) -> bool:
        basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return header in (f"Bearer {self.token}", f"Basic {basic}")


def create_app(cloud: Cloud, machines: Machines, account: Account) -> FastAPI:
    faults = Faults()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await cloud.clear()

    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.include_router(control_routes(cloud, machines, faults), prefix="/control")
    _account_routes(app, cloud, account)
    _storage_routes(app, cloud)
    _server_routes(app, cloud)

    @app.middleware("http")
    async def guard(request: Request, carry_out: Next) -> Response:
        if not request.url.path.startswith("/1.3/"):
            return await carry_out(request)
        if not account.lets_in(request.headers.get("Authorization", "")):
            message = "Authentication failed using the given username and password."
            return _answer(ApiError(401, "AUTHENTICATION_FAILED", message))
        return await faults.apply(request, lambda: carry_out(request))

    @app.exception_handler(ApiError)
    async def as_answer(_: Request, error: ApiError) -> Response:
        return _answer(error)

    @app.exception_handler(HTTPException)
    async def as_error(_: Request, error: HTTPException) -> Response:
        code = "METHOD_NOT_ALLOWED" if error.status_code == 405 else "NOT_FOUND"
        return _answer(ApiError(error.status_code, code, str(error.detail)))

    return app


def _answer(error: ApiError) -> Response:
    return JSONResponse(error.body, error.status)


def _account_routes(app: FastAPI, cloud: Cloud, account: Account) -> None:
    @app.get("/1.3/account")
    async def get_account() -> Any:
        return shapes.account(account.username, cloud.core_limit)

    @app.get("/1.3/plan")
    async def plans() -> Any:
        return shapes.plans()

    @app.get("/1.3/zone")
    async def zones() -> Any:
        return shapes.zones()


def _storage_routes(app: FastAPI, cloud: Cloud) -> None:
    @app.get("/1.3/storage/template")
    async def templates() -> Any:
        return shapes.templates()

    @app.get("/1.3/storage/private")
    async def private() -> Any:
        return {"storages": {"storage": [shapes.private_storage(one) for one in cloud.storages.values()]}}

    @app.get("/1.3/storage/{uuid}")
    async def storage(uuid: str) -> Any:
        if uuid in TEMPLATES:
            return {"storage": shapes.template(TEMPLATES[uuid])}
        if uuid in cloud.storages:
            return {"storage": shapes.private_storage(cloud.storages[uuid])}
        raise no_such("storage")


def _server_routes(app: FastAPI, cloud: Cloud) -> None:
    @app.get("/1.3/server")
    async def listing(request: Request) -> Any:
        found = cloud.find(request.query_params.getlist("label"))
        return {"servers": {"server": [shapes.listed(server) for server in found]}}

    @app.post("/1.3/server", status_code=202)
    async def create(request: Request) -> Any:
        return {"server": shapes.ordered(cloud.create(order(await request.json())))}

    @app.get("/1.3/server/{uuid}")
    async def details(uuid: str) -> Any:
        return {"server": shapes.detailed(cloud.get(uuid))}

    @app.put("/1.3/server/{uuid}", status_code=202)
    async def modify(uuid: str, request: Request) -> Any:
        server, wanted = cloud.get(uuid), (await request.json())["server"]
        for name in wanted:
            if name != "labels":
                raise unknown_attribute(name)
        cloud.relabel(server, labels(wanted["labels"]))
        return {"server": shapes.detailed(server)}

    @app.post("/1.3/server/{uuid}/start")
    async def start(uuid: str) -> Any:
        server = cloud.get(uuid)
        await cloud.start(server)
        return {"server": shapes.detailed(server)}

    @app.post("/1.3/server/{uuid}/stop")
    async def stop(uuid: str, request: Request) -> Any:
        server, body = cloud.get(uuid), await request.json()
        if "stop_server" not in body:
            raise unknown_attribute(next(iter(body), "stop_server"))
        kind = body["stop_server"].get("stop_type", "soft")
        if kind not in ("soft", "hard"):
            raise invalid("stop_type")
        cloud.stop(server, hard=kind == "hard")
        return {"server": shapes.detailed(server)}

    @app.delete("/1.3/server/{uuid}", status_code=204)
    async def delete(uuid: str, storages: str = "0") -> None:
        cloud.delete(cloud.get(uuid), storages=storages == "1")
