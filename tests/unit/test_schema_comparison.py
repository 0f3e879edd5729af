"""The comparison of code and description notices what it is there for."""

from typing import Any

import pytest

from tests.support.schemas import broken_promises, differences, shape

DESCRIBED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"$ref": "#/Kind"},
        "count": {"type": "integer", "minimum": 1, "default": 5},
        "share": {"type": "number", "format": "float", "nullable": True},
        "names": {"type": "array", "items": {"type": "string", "format": "uuid"}},
    },
    "required": ["kind"],
    "Kind": {"type": "string", "enum": ["a", "b"]},
}


def replaced(**properties: Any) -> dict[str, Any]:
    return DESCRIBED | {"properties": DESCRIBED["properties"] | properties}


def without(name: str) -> dict[str, Any]:
    return DESCRIBED | {"properties": {k: v for k, v in DESCRIBED["properties"].items() if k != name}}


def as_pydantic_writes_it() -> dict[str, Any]:
    share = {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None}
    return replaced(share=share, kind={"$ref": "#/Kind", "title": "Kind"})


CHANGES = {
    "a type": replaced(count={"type": "string", "minimum": 1, "default": 5}),
    "a null": replaced(kind={"anyOf": [{"$ref": "#/Kind"}, {"type": "null"}]}),
    "another value": DESCRIBED | {"Kind": {"type": "string", "enum": ["a", "b", "c"]}},
    "any value": DESCRIBED | {"Kind": {"type": "string"}},
    "a name more": replaced(more={}),
    "a name less": without("share"),
    "an item": replaced(names={"type": "array", "items": {"type": "integer", "format": "uuid"}}),
    "nothing required": {k: v for k, v in DESCRIBED.items() if k != "required"},
}

CHANGES_OF_REQUESTS = {
    "a default": replaced(count={"type": "integer", "minimum": 1, "default": 6}),
    "a bound": replaced(count={"type": "integer", "minimum": 0, "default": 5}),
    "a bound less": replaced(count={"type": "integer", "default": 5}),
    "a format": replaced(names={"type": "array", "items": {"type": "string"}}),
    "more required": DESCRIBED | {"required": ["kind", "count"]},
    "a value less": DESCRIBED | {"Kind": {"type": "string", "enum": ["a"]}},
}


def test_the_same_in_other_words_is_no_difference() -> None:
    code, described = shape(as_pydantic_writes_it(), as_pydantic_writes_it()), shape(DESCRIBED, DESCRIBED)
    assert list(differences(code, described)) == []
    assert list(broken_promises(code, described)) == []


@pytest.mark.parametrize("change", CHANGES | CHANGES_OF_REQUESTS)
def test_every_change_of_a_request_is_noticed_in_both_directions(change: str) -> None:
    changed = (CHANGES | CHANGES_OF_REQUESTS)[change]
    one, other = shape(changed, changed), shape(DESCRIBED, DESCRIBED)
    assert len(list(differences(one, other))) == len(list(differences(other, one))) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_that_breaks_its_promise_is_noticed(change: str) -> None:
    code = shape(CHANGES[change], CHANGES[change])
    assert len(list(broken_promises(code, shape(DESCRIBED, DESCRIBED)))) == 1


@pytest.mark.parametrize("change", CHANGES_OF_REQUESTS)
def test_an_answer_may_promise_more(change: str) -> None:
    code = shape(CHANGES_OF_REQUESTS[change], CHANGES_OF_REQUESTS[change])
    assert list(broken_promises(code, shape(DESCRIBED, DESCRIBED))) == []
