"""What we read of UpCloud's answers. Everything else in them stays where it is, passwords included."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from workflows.domain.errors import Unavailable
from workflows.domain.resources import Frozen

T = TypeVar("T")

AddressKind = Literal["public", "private"]

_ACCESS: Mapping[AddressKind, tuple[str, ...]] = {"public": ("public",), "private": ("private", "utility")}
"""UpCloud's own names, the better one first. `utility` is the account's internal network."""


class Address(Frozen):
    access: str
    address: str
    family: str


class Machine(Frozen):
    """A server as UpCloud has it. Lists leave its addresses out."""

    uuid: str
    created: int = 0
    """Seconds since 1970."""
    state: str
    """`started`, `stopped`, `maintenance` (something is being done to it) or `error`."""
    plan: str
    zone: str
    labels: dict[str, str] = {}
    addresses: tuple[Address, ...] = Field(default=(), validation_alias="ip_addresses")

    @field_validator("labels", mode="before")
    @classmethod
    def _as_mapping(cls, value: Any) -> Any:
        return {label["key"]: label["value"] for label in value["label"]}

    @field_validator("addresses", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return value["ip_address"]

    def address(self, kind: AddressKind) -> str | None:
        """Where it is reached: IPv4 if it has one."""
        wanted = _ACCESS[kind]
        found = [a for a in self.addresses if a.access in wanted]
        found.sort(key=lambda a: (wanted.index(a.access), a.family != "IPv4"))
        return found[0].address if found else None


class Plan(Frozen):
    name: str
    storage_size: int = 0
    """GB that the price includes; 0 where storage is paid for by itself."""
    storage_tier: str = "maxiops"


class Template(Frozen):
    """A storage that a server's own is cloned from."""

    uuid: str
    title: str
    size: int
    """GB."""
    template_type: str = "native"

    @property
    def has_cloud_init(self) -> bool:
        return self.template_type == "cloud-init"


def machine(answer: Mapping[str, Any]) -> Machine:
    """Of a call that answers with one server."""
    return _read(lambda: Machine.model_validate(answer["server"]))


def machines(answer: Mapping[str, Any]) -> list[Machine]:
    return _read(lambda: [Machine.model_validate(item) for item in answer["servers"]["server"]])


def plans(answer: Mapping[str, Any]) -> list[Plan]:
    return _read(lambda: [Plan.model_validate(item) for item in answer["plans"]["plan"]])


def templates(answer: Mapping[str, Any]) -> list[Template]:
    return _read(lambda: [Template.model_validate(item) for item in answer["storages"]["storage"]])


def template(answer: Mapping[str, Any]) -> Template:
    return _read(lambda: Template.model_validate(answer["storage"]))


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, TypeError, ValidationError) as error:
        # Its text could quote the answer.
        raise Unavailable(f"UpCloud's answer cannot be read: {type(error).__name__}") from None
