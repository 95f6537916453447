"""From our spans to OpenTelemetry's, and on to a collector. Only a process that traces imports this, and what it needs
(the extra `traces`). Where spans go, OTEL_EXPORTER_OTLP_ENDPOINT and its like say."""

from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from services.runtime.ground.tracing import Context, Span

_KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER}


def exporting(service: str, processor: SpanProcessor | None = None) -> tuple[Callable[[Span], None], SpanProcessor]:
    """What takes spans of a service, and what has to be shut down when the process ends. Spans that a collector does
    not take in time are dropped; nothing waits for them."""
    resource = Resource.create({"service.name": service})
    batches = processor or BatchSpanProcessor(OTLPSpanExporter())

    def take(span: Span) -> None:
        batches.on_end(_readable(span, resource))

    return take, batches


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    return ReadableSpan(
        name=span.name, context=_context(span.context), parent=_context(span.parent) if span.parent else None,
        resource=resource, attributes=dict(span.attributes), links=[Link(_context(link)) for link in span.links],
        kind=_KINDS[span.kind], status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
        start_time=span.began_ns, end_time=span.ended_ns,
    )


def _context(context: Context) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(context.trace_id, context.span_id, is_remote=False, trace_flags=flags)
