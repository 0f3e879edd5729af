"""Bodies are taken literally, and whatever is wrong with one is told with its place."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.body import MAX_NAMES, MAX_VALUES, parse
from api.errors import MalformedRequest, status_of
from api.schemas.batch_operations import BatchOperationRequest
from api.validating import validated
from workflows.domain.errors import InvalidRequest, ProvisioningError

OPERATION = '{"id":"a","type":"server_batch","provider":"local","dependencies":[]}'


def body(operation: str = OPERATION, more: str = "") -> bytes:
    return f'{{"name":"n"{more},"operations":[{operation}]}}'.encode()


def test_the_contracts_defaults() -> None:
    request = parse(BatchOperationRequest, body())
    assert (request.version, request.storage_backend) == ("1.0.0", "filesystem")
    assert (request.parallel_limit, request.rollback_enabled) == (5, True)
    assert request.operations[0].config == {}


def test_unknown_fields_are_let_pass() -> None:
    parse(BatchOperationRequest, body(more=',"comment":{"by":["me"]}'))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"nonsense", b'{"a":1}}', b"\xff\xfe", b'{"a":NaN}', b'"\\ud800"', b"[" * 5000 + b"]" * 5000],
)
def test_what_is_no_json_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse(BatchOperationRequest, text)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        (',"parallel_limit":"5"', "parallel_limit"),
        (',"parallel_limit":true', "parallel_limit"),
        (',"parallel_limit":5.0', "parallel_limit"),
        (',"parallel_limit":0', "parallel_limit"),
        (',"parallel_limit":101', "parallel_limit"),
        (',"parallel_limit":null', "parallel_limit"),
        (',"rollback_enabled":1', "rollback_enabled"),
        (',"rollback_enabled":"true"', "rollback_enabled"),
        (',"storage_backend":"paper"', "storage_backend"),
        (',"version":1', "version"),
        (',"comment":"\\u0000"', "comment"),
        (',"comment":"\\u007f"', "comment"),
        (',"comment":"\\u007F"', "comment"),
        (',"comment":"\\u009b"', "comment"),
        (',"comment":1e999', "comment"),
        (',"comment":9223372036854775808', "comment"),
        (',"comment":{"\\u001b[0m":1}', "comment"),
    ],
)
def test_types_are_not_guessed_and_the_place_is_told(more: str, place: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{place}: "):
        parse(BatchOperationRequest, body(more=more))


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        ('{"type":"server_batch","provider":"p","dependencies":[]}', r"operations\[0\].id"),
        ('{"id":"a","type":"server_batch","provider":"p"}', r"operations\[0\].dependencies"),
        (
            '{"id":"a","type":"server_batch","provider":"p","dependencies":[5]}',
            r"operations\[0\].dependencies\[0\]",
        ),
        (
            '{"id":"a","type":"server_batch","provider":"p","dependencies":[],"config":[]}',
            r"operations\[0\].config",
        ),
        (
            '{"id":"a","type":"server_batch","provider":"p","dependencies":[],"config":null}',
            r"operations\[0\].config",
        ),
        ('{"id":"","type":"server_batch","provider":"p","dependencies":[]}', r"operations\[0\].id"),
        ('"a"', r"operations\[0\]"),
    ],
)
def test_the_place_in_an_operation(operation: str, place: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{place}: "):
        parse(BatchOperationRequest, body(operation))


def test_a_value_is_never_repeated() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(BatchOperationRequest, body(more=',"parallel_limit":"hunter2"'))
    assert "hunter2" not in refused.value.message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_client_error(data: bytes) -> None:
    with pytest.raises(ProvisioningError) as refused:
        parse(BatchOperationRequest, data)
    assert status_of(refused.value) in (400, 422)


LARGE = 100_000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"{}," * LARGE, "operations[0].id"),
        (OPERATION.replace("[]", f"[{'1,' * LARGE}1]").encode() + b",", "operations[0].dependencies[0]"),
    ],
)
def test_mistakes_are_not_listed_by_the_million(text: bytes, place: str) -> None:
    """An object of a kilobyte stands for each, and nothing else is served while they are made."""
    with pytest.raises(ValidationError) as refused:
        validated(BatchOperationRequest, b'{"name":"n","operations":[' + text + b"1]}")
    assert refused.value.error_count() <= 4
    with pytest.raises(InvalidRequest, match=f"^{re.escape(place)}: "):
        parse(BatchOperationRequest, b'{"name":"n","operations":[' + text + b"1]}")


def test_all_mistakes_of_a_short_body_are_told() -> None:
    with pytest.raises(InvalidRequest, match=r"^operations\[0\]: .*; operations\[1\]: "):
        parse(BatchOperationRequest, body("1,2"))


def test_a_body_has_no_more_values_than_can_be_held() -> None:
    with pytest.raises(InvalidRequest, match="more than 1000000 values"):
        parse(BatchOperationRequest, body(more=f',"more":[{"[]," * MAX_VALUES}1]'))
    with pytest.raises(InvalidRequest, match=r"^more: it has more than 10000 names"):
        names = ",".join(f'"a{number}":1' for number in range(MAX_NAMES + 1))
        parse(BatchOperationRequest, body(more=f',"more":{{{names}}}'))
