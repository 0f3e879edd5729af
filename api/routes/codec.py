"""What the Temporal UI asks to show payloads to those who may see them: our addition to the contract.

Its requests and answers are Temporal's own, without the envelope.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.body import json_body
from api.codec import COOKIE, PATH
from api.deps import CredentialDep, ServicesDep
from api.schemas.codec import Payloads
from api.schemas.envelope import ApiResponse

router = APIRouter(tags=["Codec"])

_LARGEST_TEXT = 4 * 1024 * 1024
"""Characters: a payload of 2 MB in base64."""

PayloadsBody = Annotated[Payloads, Depends(json_body(Payloads, longest=_LARGEST_TEXT))]


@router.post("/codec/decode")
async def decode(body: PayloadsBody, services: ServicesDep, response: Response) -> Payloads:
    response.headers["Cache-Control"] = "no-store"
    return Payloads.of(await services.codec.turned("decode", body.messages()))


@router.post("/codec/encode")
async def encode(body: PayloadsBody, services: ServicesDep) -> Payloads:
    return Payloads.of(await services.codec.turned("encode", body.messages()))


@router.post("/codec/session")
async def open_session(
    request: Request, response: Response, credential: CredentialDep
) -> ApiResponse[datetime]:
    """Lets this browser's Temporal UI decode with the token that was sent, for as long as that holds."""
    response.set_cookie(
        COOKIE,
        credential.token,
        path=PATH,
        max_age=max(0, int((credential.expires_at - datetime.now(UTC)).total_seconds())),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return ApiResponse(data=credential.expires_at)
