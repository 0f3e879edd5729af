"""Users: our addition to the contract, for admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.body import json_body
from api.deps import ServicesDep, TrailDep
from api.schemas.envelope import ApiResponse
from api.schemas.users import (
    ChangeUserRequest,
    ConfirmMfaRequest,
    CreateUserRequest,
    MfaEnrolment,
    SetPasswordRequest,
    User,
)

router = APIRouter(tags=["Users"])

Name = Annotated[str, Path(alias="username", max_length=255)]


@router.get("/users")
async def list_users(services: ServicesDep) -> ApiResponse[list[User]]:
    return ApiResponse(data=[User.of(user) for user in await services.users.all()])


@router.post("/users")
async def create_user(
    body: Annotated[CreateUserRequest, Depends(json_body(CreateUserRequest))],
    services: ServicesDep,
    trail: TrailDep,
) -> ApiResponse[User]:
    trail.about("username", body.username)
    user = await services.users.create(body.username, body.password, body.email, body.roles)
    return ApiResponse(data=User.of(user))


@router.patch("/users/{username}")
async def change_user(
    username: Name,
    body: Annotated[ChangeUserRequest, Depends(json_body(ChangeUserRequest))],
    services: ServicesDep,
) -> ApiResponse[User]:
    user = await services.users.change(username, roles=body.roles, disabled=body.disabled, email=body.email)
    return ApiResponse(data=User.of(user))


@router.put("/users/{username}/password")
async def set_password(
    username: Name,
    body: Annotated[SetPasswordRequest, Depends(json_body(SetPasswordRequest))],
    services: ServicesDep,
) -> ApiResponse[User]:
    return ApiResponse(data=User.of(await services.users.set_password(username, body.password)))


@router.post("/users/{username}/mfa")
async def start_mfa(username: Name, services: ServicesDep) -> ApiResponse[MfaEnrolment]:
    """Begins to turn the second factor on; a code confirms it."""
    secret, uri = await services.users.start_mfa(username)
    return ApiResponse(data=MfaEnrolment(secret=secret, uri=uri))


@router.post("/users/{username}/mfa/confirm")
async def confirm_mfa(
    username: Name,
    body: Annotated[ConfirmMfaRequest, Depends(json_body(ConfirmMfaRequest))],
    services: ServicesDep,
) -> ApiResponse[User]:
    return ApiResponse(data=User.of(await services.users.confirm_mfa(username, body.code)))


@router.delete("/users/{username}/mfa")
async def remove_mfa(username: Name, services: ServicesDep) -> ApiResponse[User]:
    """For a lost device: the password alone is enough again."""
    return ApiResponse(data=User.of(await services.users.remove_mfa(username)))
