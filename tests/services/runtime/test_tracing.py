"""A settlement is one trace, whoever tells of it; what is not traced costs nothing and says nothing."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.kernel.decision import Command
from services.kernel.effects import Effects
from services.kernel.messages import Message, Op, SagaRef, TimerDue
from services.kernel.saga import Phase, Reply, Run, Verdict
from services.runtime.ground.exporting import exporting
from services.runtime.ground.logs import of_call
from services.runtime.ground.records import Outbound
from services.runtime.ground.settings import Settings
from services.runtime.ground.traced import STOP_SECONDS, start_tracing
from services.runtime.ground.tracing import CALL, OFF, Context, Span, Tracer, parent_in, read
from services.runtime.lanes.item import Item, RecordPlace
from services.runtime.lanes.tracing import about, trace_batch
from services.runtime.rpc.served import Served
from tests.services.runtime.counters import CODEC, Add

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ALL = 1_000_000


class Waiting:
    """A caller that waits."""

    def done(self) -> bool:
        """Still."""
        return False

    def set_result(self, result: object) -> None:
        """Not here."""

    def set_exception(self, exception: Exception) -> None:
        """Not here."""


@dataclass
class Metadata:
    """A context of gRPC, as far as a span asks it."""

    traceparent: str = ""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """What the caller sent."""
        return (("traceparent", self.traceparent),) if self.traceparent else ()


def _run(saga_id: str, phase: Phase = Phase.TRYING, version: int = 1) -> Run:
    return Run(
        id=saga_id, root="ord_1", kind="cancellation", definition_version=1, phase=phase, plan=None, branches=(),
        started_at=NOW, deadline_at=NOW + timedelta(minutes=1), version=version,
    )


def _effects(*runs: Run) -> Effects[Item]:
    effects: Effects[Item] = Effects()
    effects.dirty[Run] = {run.id: run for run in runs}
    return effects


@pytest.mark.parametrize("text", [
    "", "x", CALLER.upper(), CALLER[:-1], "00-" + "0" * 32 + CALLER[35:], CALLER[:36] + "0" * 16 + "-01", b"\xff",
])
def test_what_is_no_trace_is_none(text: str | bytes) -> None:
    """And no reason to refuse a call."""
    assert read(text) is None


def test_what_a_caller_sends_comes_back() -> None:
    """Sampled or not, as its caller wants it."""
    assert read(CALLER) == parent_in([("a", "b"), ("traceparent", CALLER.encode())])
    assert (read(CALLER) or pytest.fail("none")).traceparent == CALLER
    assert not (read(CALLER[:-1] + "0") or pytest.fail("none")).sampled


def test_a_settlement_is_sampled_everywhere_or_nowhere() -> None:
    """By its id alone, and about as often as is said."""
    one, other = Tracer(10_000, print), Tracer(10_000, print)

    chosen = [n for n in range(20_000) if one.of_saga(f"saga_{n}").sampled]

    assert 120 < len(chosen) < 290
    assert [n for n in range(20_000) if other.of_saga(f"saga_{n}").sampled] == chosen
    assert all(Tracer(ALL, print).of_saga(f"saga_{n}").sampled for n in range(100))


def test_a_settlement_is_one_trace_in_both_services() -> None:
    """Its command, its reply, its timer and its end, below one root, which links to the call that began it."""
    spans: list[Span] = []
    order, credit = Tracer(ALL, spans.append), Tracer(ALL, spans.append)
    served = order.begin(read(CALLER))
    saga = SagaRef("saga_1", "credit_ledger", Op.EXECUTE)
    place = RecordPlace("settlement.credit_ledger.commands.v1", 0, 0, [], b"")

    call = Item(Message("r", "ord_1", Add(1)), Waiting(), b"h", call=served)
    trace_batch(order, [call], _effects(_run("saga_1")), 0.01)
    command = Item(Message("saga_1/credit_ledger/E", "acc_1", Add(1), saga=saga), record=place)
    trace_batch(credit, [command], Effects(), 0.01)
    timer = Item(Message("", "ord_1", TimerDue("saga", "saga_1", NOW)))
    reply = Item(Message("", "ord_1", Reply("saga_1", "credit_ledger", Op.EXECUTE, Verdict.DONE)))
    trace_batch(order, [timer, reply], _effects(_run("saga_1", Phase.DONE, 2)), 0.01)

    root = order.of_saga("saga_1")
    first, begun, *others = spans
    assert (first.context.trace_id, first.parent) == (served.trace_id, served)
    assert (begun.name, begun.links) == ("begin cancellation", (first.context,))
    assert {span.context.trace_id for span in (begun, *others)} == {root.trace_id}
    assert [span.name for span in others] == [
        "decide Add", "decide TimerDue", "decide Reply", "settlement cancellation",
    ]
    assert others[0].attributes["messaging.destination.name"] == place.topic
    assert (others[-1].context, others[-1].parent) == (root, None)
    assert all(span.parent == root for span in (begun, *others[:-1]))


def test_who_waits_for_a_claim_is_not_decided() -> None:
    """It has its span when it is."""
    spans: list[Span] = []
    saga = SagaRef("saga_1", "credit_ledger", Op.TRY)
    item, effects = Item(Message("m", "acc_1", Add(1), saga=saga)), _effects()
    effects.busy = [(item, None)]  # type: ignore[list-item]  # who holds it makes no difference

    trace_batch(Tracer(ALL, spans.append), [item], effects, 0.01)

    assert spans == []


def test_a_record_says_what_its_sender_samples() -> None:
    """So that a participant that samples less tells its part all the same; without it records are as they were."""
    saga = SagaRef("saga_1", "credit_ledger", Op.TRY)
    command = Command("credit_ledger", "acc_1", Add(1), saga=saga)
    traced = Outbound("order", CODEC, 8, tracer=Tracer(ALL, print))
    plain, unsampled = Outbound("order", CODEC, 8), Outbound("order", CODEC, 8, tracer=Tracer(0, print))

    sent = traced.command(command, "ord_1", NOW)

    assert plain.command(command, "ord_1", NOW) == unsampled.command(command, "ord_1", NOW)
    added = set(sent.headers) - set(plain.command(command, "ord_1", NOW).headers)
    assert added == set(traced._tracer.headers("saga_1"))
    assert sent == traced.command(command, "ord_1", NOW)
    spans: list[Span] = []
    place = RecordPlace(sent.topic, 0, 0, sent.headers, b"")
    item = Item(Message("m", "acc_1", Add(1), saga=saga), record=place)
    trace_batch(Tracer(0, spans.append), [item], Effects(), 0.01)
    assert [span.name for span in spans] == ["decide Add"]


def test_lines_of_the_log_name_trace_and_settlement() -> None:
    """Of a call that is traced, and of a message of a settlement whether it is or not."""
    served = Served(OFF, "/a/B", Metadata(CALLER))
    said = of_call(None, "", {})
    served.end()
    saga = SagaRef("saga_1", "credit_ledger", Op.TRY)

    assert said == {"trace_id": CALLER[3:35]}
    assert of_call(None, "", {}) == {}
    assert about(Item(Message("m", "acc_1", Add(1), fresh_id="f", saga=saga))) == {
        "key": "acc_1", "message": "f", "settlement": "saga_1", "trace_id": f"{OFF.of_saga('saga_1').trace_id:032x}",
    }


def test_a_call_that_nobody_traces_has_no_span() -> None:
    """Nor has what is decided for it."""
    Served(OFF, "/a/B", Metadata()).end()

    assert CALL.get() is None
    assert OFF.headers("saga_1") == []


def test_spans_are_those_of_opentelemetry() -> None:
    """Ids, times, kind, links and what went wrong, under the name of the service."""
    kept = InMemorySpanExporter()
    take, processor = exporting("order", SimpleSpanProcessor(kept))
    context, parent = Context(7, 8, True), Context(7, 6, True)

    Tracer(ALL, take).end(Span(
        "decide", context, parent, 10, 20, kind="server", failed=True, attributes={"a": "b"},
        links=(Context(1, 2, True),),
    ))

    processor.shutdown()
    [span] = kept.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (span.context.trace_id, span.context.span_id, span.parent.span_id) == (7, 8, 6)
    assert (span.start_time, span.end_time, span.kind.name, span.status.status_code.name) == (10, 20, "SERVER", "ERROR")
    assert dict(span.attributes or {}) == {"a": "b"}
    assert [link.context.span_id for link in span.links] == [2]
    assert span.resource.attributes["service.name"] == "order"


def test_it_is_off_unless_it_is_asked_for() -> None:
    """Nothing of OpenTelemetry is imported then."""
    assert start_tracing(Settings("order"))[0] is OFF


def test_a_collector_that_is_away_holds_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers are held until a process is gone, and come four times: a stop has no time for spans that nobody takes."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    tracer, stop = start_tracing(Settings("test", traced_ppm=ALL))
    tracer.end(Span("a call", tracer.begin(None), None, 1, 2))
    began = time.monotonic()

    stop()

    assert time.monotonic() - began < 2 * STOP_SECONDS
