"""What a client may ask for, and how it is told what it may not."""

import json

import pytest
from starlette.datastructures import QueryParams

from api.live.subscription import EVENTS, SINCE, subscription
from api.openapi import served_contract
from workflows.domain.errors import InvalidRequest
from workflows.domain.events import EventType


@pytest.mark.parametrize(
    ("query", "wanted", "since"),
    [
        ("", set(EventType), None),
        ("events=", set(EventType), None),
        ("events=LogEntry", {EventType.LOG_ENTRY}, None),
        ("events=LogEntry,%20MetricUpdate&since=0", {EventType.LOG_ENTRY, EventType.METRIC_UPDATE}, 0),
        ("events=LogEntry&events=MetricUpdate", {EventType.LOG_ENTRY, EventType.METRIC_UPDATE}, None),
        ("since=12&token=x&other=y", set(EventType), 12),
    ],
)
def test_what_is_asked_for(query: str, wanted: set[EventType], since: int | None) -> None:
    assert subscription(QueryParams(query)) == (frozenset(wanted), since)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("events=LogEntry,Nonsense,log", "events: unknown 'Nonsense', 'log'; there are TaskStatusChanged"),
        ("events=LogEntry,,MetricUpdate", "events: unknown ''"),
        ("since=-1", "since: .*'-1'"),
        ("since=", "since"),
        ("since=1.5", "since"),
        ("since=%D9%A1", "since"),
        ("since=1&since=2", "since: .*'1', '2'"),
        (f"since={'9' * 400}", "since"),
    ],
)
def test_what_cannot_be_asked_for_is_named(query: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as refused:
        subscription(QueryParams(query))
    assert len(refused.value.message) < 400


def test_the_parameters_are_those_that_are_described() -> None:
    described = json.loads(served_contract())["paths"]["/ws"]["get"]["parameters"]
    assert {parameter["name"] for parameter in described} == {"token", EVENTS, SINCE}


def test_each_event_is_described_by_its_type() -> None:
    schemas = json.loads(served_contract())["components"]["schemas"]
    kinds = [ref["$ref"].rpartition("/")[2] for ref in schemas["LiveEvent"]["oneOf"]]
    types = [schemas[kind]["properties"]["event_type"]["enum"] for kind in kinds]
    assert sorted(types) == sorted([kind.value] for kind in EventType)
