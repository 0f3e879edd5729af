"""The one door to OpenTelemetry: traces from a request through workflows and activities to remote jobs.

Spans say what was done, where and for how long, and of an error its type alone: its text may hold values of
requests, and a collector keeps what it gets.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import AttributeValue
from temporalio.client import Interceptor

from activities.settings import Settings

_NAME = "provisioning"


def start(settings: Settings, service: str) -> Sequence[Interceptor]:
    """Sends this process's spans to the collector of the settings, from the first call on; without one, none.

    What is still to be sent at the end of the process is sent by `finish`. Returns what a Temporal client
    needs, so that workflows and activities belong to the traces of those who started them.
    """
    if settings.tracing_endpoint is None:
        return ()
    # They take a fifth of a second to import, and most do without.
    from temporalio.contrib.opentelemetry import TracingInterceptor  # noqa: PLC0415

    from activities.trace_export import sending_to  # noqa: PLC0415

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(sending_to(settings.tracing_endpoint, service))
    return (TracingInterceptor(),)


def finish() -> None:
    """Sends what waits to be sent, and ends it; nothing where there is no collector."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above

        if isinstance(provider, TracerProvider):
            provider.shutdown()


def annotate(name: str, value: AttributeValue) -> None:
    """Says something more of the span in whose course this is called."""
    trace.get_current_span().set_attribute(name, value)


@contextlib.contextmanager
def call_span(name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """A span for something that is asked of another machine."""
    tracer = trace.get_tracer(_NAME)
    with tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes) as span:
        yield span


def context() -> Mapping[str, str]:
    """What a log line says of the span in whose course it is written."""
    found = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(found.trace_id)} if found.is_valid else {}
