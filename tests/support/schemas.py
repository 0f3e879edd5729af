"""Schemas of OpenAPI 3.0 and of pydantic in one form, in which they can be compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Node = Mapping[str, Any]

_LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "format")
_HINTS = {"float", "password"}
"""Formats that exclude no value."""


@dataclass(frozen=True)
class Shape:
    """What a schema says of a value. An empty `type` says nothing of it."""

    type: str = ""
    nullable: bool = False
    enum: frozenset[Any] | None = None
    default: Any = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    items: "Shape | None" = None
    properties: Mapping[str, "Shape"] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


def resolve(node: Node, document: Node) -> Node:
    """The node, or what it refers to."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def shape(node: Node, document: Node) -> Shape:
    """Of a schema in `document`, where its references lead."""
    node = resolve(node, document)
    for union in ("anyOf", "oneOf"):
        kinds = [resolve(kind, document) for kind in node.get(union, ())]
        others = [kind for kind in kinds if kind.get("type") != "null"]
        if len(others) == 1:
            node = {**{k: v for k, v in node.items() if k != union}, **others[0]}
            node = node if len(kinds) == 1 else {**node, "nullable": True}
    enum = [node["const"]] if "const" in node else node.get("enum")
    limits = {name: node[name] for name in _LIMITS if name in node and node[name] not in _HINTS}
    return Shape(
        type=node.get("type", ""),
        nullable=node.get("nullable", False),
        enum=None if enum is None else frozenset(enum),
        # An empty default is what a missing value means anyway.
        default=node.get("default") or None,
        limits=limits,
        items=shape(node["items"], document) if "items" in node else None,
        properties={name: shape(inner, document) for name, inner in node.get("properties", {}).items()},
        required=frozenset(node.get("required", ())),
    )


def differences(code: Shape, document: Shape, path: str = "") -> Iterator[str]:
    """Where what the code takes is anything else than what is described, in either direction."""
    for name in ("type", "nullable", "enum", "default", "limits", "required"):
        if getattr(code, name) != getattr(document, name):
            yield f"{path}: {name} is {getattr(code, name)!r}, described as {getattr(document, name)!r}"
    yield from _of_names(code, document, path)
    for name in code.properties.keys() & document.properties.keys():
        yield from differences(code.properties[name], document.properties[name], f"{path}.{name}")
    if code.items and document.items:
        yield from differences(code.items, document.items, f"{path}[]")


def broken_promises(code: Shape, document: Shape, path: str = "", always: bool = True) -> Iterator[str]:
    """Where what the code answers may be what is not described; it may promise more.

    What is not there `always` is left out where it is null.
    """
    if document.type not in ("", code.type) and (document.type, code.type) != ("number", "integer"):
        yield f"{path}: type is {code.type!r}, described as {document.type!r}"
    if always and code.nullable and not document.nullable:
        yield f"{path}: may be null"
    if document.enum is not None and (code.enum is None or not code.enum <= document.enum):
        yield f"{path}: enum is {code.enum!r}, described as {document.enum!r}"
    if missing := document.required - code.required:
        yield f"{path}: {sorted(missing)} may be missing"
    if document.properties:
        yield from _of_names(code, document, path)
    for name in code.properties.keys() & document.properties.keys():
        inner = f"{path}.{name}"
        there = name in code.required
        yield from broken_promises(code.properties[name], document.properties[name], inner, there)
    if code.items and document.items:
        yield from broken_promises(code.items, document.items, f"{path}[]")


def _of_names(code: Shape, document: Shape, path: str) -> Iterator[str]:
    for name in sorted(code.properties.keys() - document.properties.keys()):
        yield f"{path}.{name}: not described"
    for name in sorted(document.properties.keys() - code.properties.keys()):
        yield f"{path}.{name}: not in the code"
