"""The body of a create call, checked as UpCloud checks it."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.support.upcloud_server.catalogue import PLANS, TEMPLATES, ZONES
from tests.support.upcloud_server.errors import ApiError, invalid, missing, no_such, unknown_attribute

_KNOWN = frozenset(
    {
        *("hostname", "title", "zone", "plan", "labels", "login_user", "metadata", "user_data"),
        *("networking", "storage_devices", "password_delivery", "firewall", "simple_backup", "timezone"),
    }
)
_HOST_NAME = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)
_LABEL_KEY = re.compile(r"(?!_)[ -~]{2,32}", re.ASCII)
_PUBLIC_KEY = re.compile(r"ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?", re.ASCII)
_LONGEST_VALUE, _LONGEST_TITLE, _SMALLEST_STORAGE = 255, 255, 10


class StorageOrder(NamedTuple):
    template: str
    title: str
    size: int
    tier: str


class Order(NamedTuple):
    hostname: str
    title: str
    zone: str
    plan: str
    labels: Mapping[str, str]
    user: str
    login_keys: list[str]
    storage: StorageOrder
    user_data: str


def order(body: Any) -> Order:
    """Raises ApiError."""
    wanted = _object(body, "server")
    for name in wanted:
        if name not in _KNOWN:
            raise unknown_attribute(name)
    for name in ("hostname", "title", "zone", "storage_devices"):
        if name not in wanted:
            raise missing(name)
    if not _HOST_NAME.fullmatch(str(wanted["hostname"])):
        raise invalid("hostname")
    if not 1 <= len(str(wanted["title"])) <= _LONGEST_TITLE:
        raise invalid("title")
    if wanted["zone"] not in ZONES:
        raise no_such("zone")
    if wanted.get("plan") not in PLANS:
        raise invalid("plan")
    storage = _storage(wanted["storage_devices"])
    if TEMPLATES[storage.template].kind == "cloud-init" and wanted.get("metadata") != "yes":
        message = "The metadata service must be enabled for cloud-init based templates."
        raise ApiError(400, "METADATA_DISABLED_ON_CLOUD-INIT", message)
    return Order(
        hostname=wanted["hostname"],
        title=wanted["title"],
        zone=wanted["zone"],
        plan=wanted["plan"],
        labels=labels(wanted.get("labels", {"label": []})),
        user=wanted.get("login_user", {}).get("username", "root"),
        login_keys=_login_keys(wanted.get("login_user", {})),
        storage=storage,
        user_data=wanted.get("user_data", ""),
    )


def labels(value: Any) -> dict[str, str]:
    """Raises ApiError."""
    found: dict[str, str] = {}
    for label in _list(value, "label", "labels"):
        key, text = label.get("key"), label.get("value")
        if not isinstance(key, str) or not _LABEL_KEY.fullmatch(key):
            raise ApiError(400, "INVALID_LABEL_KEY", "The label key has an invalid value.")
        if not isinstance(text, str) or len(text) > _LONGEST_VALUE:
            raise ApiError(400, "INVALID_LABEL_VALUE", "The label value has an invalid value.")
        if key in found:
            raise ApiError(400, "DUPLICATE_LABEL_KEYS", "The label keys must be unique.")
        found[key] = text
    return found


def _storage(value: Any) -> StorageOrder:
    devices = _list(value, "storage_device", "storage_devices")
    if not devices:
        raise missing("storage_device")
    device = devices[0]
    if device.get("action") != "clone":
        raise invalid("action")
    template = TEMPLATES.get(device.get("storage", ""))
    if template is None:
        raise no_such("storage")
    size = device.get("size", template.size)
    if not isinstance(size, int) or size < max(template.size, _SMALLEST_STORAGE):
        raise invalid("size")
    if device.get("tier", "maxiops") not in ("maxiops", "standard", "hdd"):
        raise invalid("tier")
    return StorageOrder(template.uuid, device["title"], size, device.get("tier", "maxiops"))


def _login_keys(value: Any) -> list[str]:
    keys = _list(value.get("ssh_keys", {"ssh_key": []}), "ssh_key", "login_user")
    if not all(isinstance(key, str) and _PUBLIC_KEY.fullmatch(key) for key in keys):
        raise invalid("login_user")
    return keys


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get(name), dict):
        raise missing(name)
    inner: dict[str, Any] = value[name]
    return inner


def _list(value: Any, name: str, attribute: str) -> list[Any]:
    if not isinstance(value, dict) or not isinstance(value.get(name), list):
        raise invalid(attribute)
    inner: list[Any] = value[name]
    return inner
