"""Where spans go: to a collector, by OTLP over HTTP, without the texts of errors and queries."""

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import Attributes

_TEXTS = frozenset({"exception.message", "exception.stacktrace", "url.query"})
_SECONDS = 5.0
"""How long a collector may take; spans that it does not take are dropped, and the log says so."""


class WordlessExporter(SpanExporter):
    """Hands spans on without what errors and queries say."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_wordless(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def sending_to(endpoint: str, service: str) -> TracerProvider:
    """`endpoint` is a collector's base address, as `http://127.0.0.1:4318`."""
    made = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_SECONDS)
    made.add_span_processor(BatchSpanProcessor(WordlessExporter(exporter)))
    return made


def _wordless(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_without_texts(span.attributes),
        events=[Event(e.name, _without_texts(e.attributes), e.timestamp) for e in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _without_texts(attributes: Attributes) -> Attributes:
    return {name: value for name, value in (attributes or {}).items() if name not in _TEXTS}
