"""What methods read and wait for: orders that are new enough, settlements as they are now, the end of a settlement."""

from typing import Any, TypeVar

from services.kernel.errors import NotFound
from services.order.domain.order import Order, owned
from services.order.domain.returns import ReturnCase
from services.order.store.reads import find_case, find_order, find_run, find_wake
from services.order.wire.settlements import settlement_message
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.reading import new_enough, read_when
from services.runtime.stored.steps import Step
from settlement.order.v1 import after_sale_service_pb2, order_service_pb2, settlement_pb2

A = TypeVar(
    "A", order_service_pb2.PlaceOrderResponse, after_sale_service_pb2.ConfirmReceiptResponse,
    after_sale_service_pb2.ResolveDisputeResponse,
)
ENDED = frozenset({settlement_pb2.SETTLEMENT_STATE_DONE, settlement_pb2.SETTLEMENT_STATE_ABORTED})


async def read_order(edge: Edge, context: Context, order_id: str, customer_id: str = "", min_version: int = 0) -> Order:
    """The order at `min_version` or later, if it is theirs."""

    async def look(connection: Connection) -> Order:
        order = owned(await find_order(connection, order_id), order_id, customer_id)
        return new_enough(order, min_version)

    return await read_when(edge, context, look, key=order_id)


async def read_case(edge: Edge, context: Context, return_id: str, min_version: int = 0) -> ReturnCase:
    """The return case at `min_version` or later."""

    async def look(connection: Connection) -> ReturnCase:
        case = await find_case(connection, return_id)
        if case is None:
            raise NotFound("RETURN_NOT_FOUND", f"there is no return {return_id}")
        return new_enough(case, min_version)

    return await read_when(edge, context, look, key=return_id)


async def read_settlement(
    edge: Edge, context: Context, settlement_id: str, min_version: int = 0
) -> settlement_pb2.Settlement:
    """The settlement at `min_version` or later, as it is now."""

    async def look(connection: Connection) -> settlement_pb2.Settlement:
        return new_enough(await settlement_now(connection, settlement_id), min_version)

    return await read_when(edge, context, look, key=settlement_id)


async def settlement_now(connection: Connection, settlement_id: str) -> settlement_pb2.Settlement:
    """The settlement as it is now; SETTLEMENT_NOT_FOUND."""
    run = await find_run(connection, settlement_id)
    order = await find_order(connection, run.root) if run is not None else None
    if run is None or order is None:
        raise NotFound("SETTLEMENT_NOT_FOUND", f"there is no settlement {settlement_id}")
    wake_at = None if run.terminal else await find_wake(connection, settlement_id)
    return settlement_message(run, order, wake_at)


def settlement_of(step: Step) -> settlement_pb2.Settlement:
    """The settlement as a step of its saga left it."""
    order = step.find(Order, step.run.root)
    if order is None:
        raise NotFound("SETTLEMENT_NOT_FOUND", f"there is no settlement {step.run.id}")
    return settlement_message(step.run, order, step.wake_at)


async def wait_and_keep(
    edge: Edge, context: Context, request: Any, settlement: settlement_pb2.Settlement
) -> settlement_pb2.Settlement:
    """`wait_for_end` for the answer to a command: an end that was waited for is what who asks again hears."""
    ended = await wait_for_end(edge, context, request, settlement)
    if ended is settlement or ended.state not in ENDED:
        return ended
    return await edge.keep(request, settlement, ended)


async def keep_if_ended(edge: Edge, request: Any, told: A, now: A) -> A:  # Any: a request with a `wait_timeout`
    """The same for an answer that holds more than its settlement."""
    return await edge.keep(request, told, now) if now.settlement.state in ENDED else now


async def wait_for_end(
    edge: Edge, context: Context, request: Any, settlement: settlement_pb2.Settlement
) -> settlement_pb2.Settlement:
    """The settlement as it is after waiting for its end, but not longer than the request's `wait_timeout`.

    `request` is any message that has that field.
    """
    step = await last_step(edge, context, request, settlement)
    return settlement if step is None else settlement_of(step)


async def last_step(
    edge: Edge, context: Context, request: Any, settlement: settlement_pb2.Settlement
) -> Step | None:
    """How far the settlement came within the request's `wait_timeout`; None if no further than it was told."""
    if not request.HasField("wait_timeout") or settlement.state in ENDED:
        return None
    seconds = request.wait_timeout.seconds + request.wait_timeout.nanos / 1e9
    return await edge.awaited(settlement.settlement_id, seconds, context, settlement.version)


async def case_after(edge: Edge, context: Context, step: Step, return_id: str) -> ReturnCase | None:
    """The return case after a step; None if the step does not know it and nobody can look now."""
    known = step.find(ReturnCase, return_id)
    return known or await edge.seen(lambda connection: find_case(connection, return_id), 0.0, context)
