"""The live event stream. A handshake is a GET, so one line of the permission table holds for both routes."""

from fastapi import APIRouter, Request, WebSocket

from api.deps import CredentialDep, ServicesDep
from api.errors import UpgradeRequired
from api.live.subscription import subscription
from api.permissions import Role

router = APIRouter(tags=["WebSocket"])


@router.websocket("/ws")
async def stream(websocket: WebSocket, services: ServicesDep, credential: CredentialDep) -> None:
    asked = subscription(websocket.query_params)
    await services.live.serve(websocket, asked, credential, Role.VIEWER)


# The parameters are read by hand, since a handshake can be refused with the reason only like that.
@router.get("/ws", include_in_schema=False)
async def without_upgrade(request: Request) -> None:
    """Raises UpgradeRequired, for whoever sends a plain request that would do as a handshake."""
    subscription(request.query_params)
    raise UpgradeRequired("this is a WebSocket; connect with the header Upgrade: websocket")
