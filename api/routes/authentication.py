"""Logging in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.body import json_body
from api.deps import ServicesDep
from api.schemas.authentication import LoggedInUser, LoginRequest, LoginResponse
from api.schemas.envelope import ApiResponse

router = APIRouter(tags=["Authentication"])

LoginBody = Annotated[LoginRequest, Depends(json_body(LoginRequest, limit=16 * 1024))]


@router.post("/auth/login")
async def login(request: Request, body: LoginBody, services: ServicesDep) -> ApiResponse[LoginResponse]:
    address = request.client.host if request.client else "unknown"
    user, issued = await services.accounts.login(body.username, body.password, address)
    answer = LoginResponse(
        token=issued.token,
        expires_at=issued.expires_at,
        user=LoggedInUser(id=user.id, username=user.username, email=user.email, roles=user.roles),
    )
    return ApiResponse(data=answer)
