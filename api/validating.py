"""Validates what strangers send, without being made to list their mistakes by the million.

Each mistake is an object of a kilobyte, and while they are made nothing else is served: a megabyte of
`{},{},...` took more than a gigabyte and ten seconds. So a text is validated up to its first mistake, and a
short one, which cannot have many, once more for all of them.
"""

import functools
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator

M = TypeVar("M", bound=BaseModel)

_SHORT = 64 * 1024
"""Bytes up to which all mistakes are listed."""

_SEVERAL = frozenset({"list", "tuple", "set", "frozenset", "dict"})


def validated(model: type[M], text: bytes, *, strict: bool | None = None, short: int = _SHORT) -> M:
    """The JSON text as `model`.

    Raises:
        ValidationError: with all mistakes of up to `short` bytes; of more, with none behind the first wrong
            entry of a list.
    """
    try:
        found: M = _hasty(model).validate_json(text, strict=strict)
    except ValidationError:
        if len(text) > short:
            raise
        return model.model_validate_json(text, strict=strict)
    return found


@functools.cache
def _hasty(model: type[BaseModel]) -> SchemaValidator:
    """Validates as the model does, and leaves each list at its first mistake."""
    # The models' own validators, which would be taken instead, know nothing of it.
    return SchemaValidator(_leaving(model.__pydantic_core_schema__), _use_prebuilt=False)


def _leaving(part: Any) -> Any:
    if isinstance(part, list):
        return [_leaving(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    copied = {name: _leaving(inner) for name, inner in part.items()}
    # Of a model's fields one may be named `type`, and is no word.
    kind = part.get("type")
    return copied | {"fail_fast": True} if isinstance(kind, str) and kind in _SEVERAL else copied
