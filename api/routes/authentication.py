"""Logging in, and staying logged in."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.body import json_body
from api.deps import CurrentUser, ServicesDep, TrailDep
from api.schemas.authentication import (
    LoggedInUser,
    LoginRequest,
    LoginResponse,
    RefreshedToken,
    RefreshRequest,
)
from api.schemas.envelope import ApiResponse

router = APIRouter(tags=["Authentication"])

_LARGEST_BODY = 16 * 1024
LoginBody = Annotated[LoginRequest, Depends(json_body(LoginRequest, limit=_LARGEST_BODY))]
RefreshBody = Annotated[RefreshRequest, Depends(json_body(RefreshRequest, limit=_LARGEST_BODY))]


@router.post("/auth/login")
async def login(body: LoginBody, trail: TrailDep, services: ServicesDep) -> ApiResponse[LoginResponse]:
    trail.claimed = body.username
    user, issued = await services.accounts.login(body.username, body.password, body.mfa_code, trail.address)
    trail.user = user
    await services.audit.begin(trail)
    answer = LoginResponse(
        token=issued.token,
        expires_at=issued.expires_at,
        user=LoggedInUser(id=user.id, username=user.username, email=user.email, roles=user.roles),
    )
    return ApiResponse(data=answer)


@router.post("/auth/refresh")
async def refresh(body: RefreshBody, user: CurrentUser, services: ServicesDep) -> ApiResponse[RefreshedToken]:
    issued = await services.accounts.refresh(user, body.token)
    return ApiResponse(data=RefreshedToken(token=issued.token, expires_at=issued.expires_at))
