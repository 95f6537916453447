"""The spans of a batch, once it is committed: one for each message of a saga and each call, and one for each settlement
that ended."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.kernel.effects import Effects
from services.kernel.messages import Message
from services.kernel.saga import Reply, Run
from services.runtime.ground.tracing import OFF, Context, Span, Tracer, now_ns, ns, parent_in
from services.runtime.lanes.item import Item


def settlement_of(message: Message) -> str:
    """The saga that a message is about: a branch's command, a reply, a timer of the saga; empty for all others."""
    body: Any = message.body
    if message.saga is not None:
        return message.saga.saga_id
    if isinstance(body, Reply):
        return body.saga_id
    return body.key if getattr(body, "kind", "") == "saga" else ""


def about(item: Item) -> dict[str, str]:
    """What a line of the log says of a message: its key, its id, its settlement and the trace of that."""
    message = item.message
    said = {"key": message.key, "message": message.fresh_id}
    if settlement := settlement_of(message):
        said |= {"settlement": settlement, "trace_id": f"{OFF.of_saga(settlement).trace_id:032x}"}
    elif item.call is not None:
        said["trace_id"] = f"{item.call.trace_id:032x}"
    return said


def trace_batch(tracer: Tracer, items: Sequence[Item], effects: Effects[Item], seconds: float) -> None:
    """Tell what these took, whose transaction took so long and has just been committed."""
    ended = now_ns()
    began = ended - round(seconds * 1e9)
    calls: dict[str, Context] = {}
    waiting = {id(item) for item, _ in effects.busy}
    for item in items:
        if id(item) not in waiting and (parent := _parent(tracer, item)) is not None and parent.sampled:
            context = tracer.begin(parent)
            if item.answer is not None:
                calls[item.message.key] = context
            tracer.end(_decided(item, context, parent, began, ended))
    for run in _runs(effects):
        root = tracer.of_saga(run.id)
        if root.sampled and run.id not in effects.found.get(Run, ()) and run.root in calls:
            link = (calls[run.root],)
            tracer.end(Span(f"begin {run.kind}", tracer.begin(root), root, began, ended, links=link))
        if root.sampled and run.terminal:
            tracer.end(_settlement(run, root, ended))


def _parent(tracer: Tracer, item: Item) -> Context | None:
    """The saga's root, sampled if this process or the sender of the record says so; or the call's own span."""
    if settlement := settlement_of(item.message):
        root = tracer.of_saga(settlement)
        sent = parent_in(item.record.headers) if item.record is not None and not root.sampled else None
        return root if sent is None else root._replace(sampled=sent.sampled)
    return item.call


def _decided(item: Item, context: Context, parent: Context, began: int, ended: int) -> Span:
    body, settlement = item.message.body, settlement_of(item.message)
    about = {"settlement.id": settlement} if settlement else {}
    if item.record is not None:
        about |= {"messaging.system": "kafka", "messaging.destination.name": item.record.topic}
    kind = "consumer" if item.record is not None else "internal"
    name = f"decide {type(body).__name__}"
    return Span(name, context, parent, began, ended, kind=kind, attributes=about)


def _runs(effects: Effects[Item]) -> Iterator[Run]:
    for run in effects.dirty.get(Run, {}).values():
        assert isinstance(run, Run)
        yield run


def _settlement(run: Run, root: Context, ended: int) -> Span:
    about = {"settlement.id": run.id, "settlement.kind": run.kind, "settlement.phase": run.phase.value}
    return Span(f"settlement {run.kind}", root, None, ns(run.started_at), ended, attributes=about)
