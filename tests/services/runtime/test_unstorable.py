"""The last net under amounts: which errors of storing are a refusal, and who can be refused (F4)."""

import asyncio

import asyncpg
import pytest
from google.protobuf.wrappers_pb2 import Int64Value

from services.kernel.messages import Message, Op, SagaRef, TimerDue
from services.runtime.ground.postgres import unstorable
from services.runtime.lanes.item import Item
from tests.in_memory import NOW


def _too_large() -> ValueError:
    with pytest.raises(ValueError) as caught:
        Int64Value(value=2**63)
    return caught.value


@pytest.mark.parametrize(("error", "reason"), [
    (asyncpg.DataError("invalid input for query argument $1: value out of int64 range"), "INVALID_AMOUNT"),
    (asyncpg.NumericValueOutOfRangeError("bigint out of range"), "INVALID_AMOUNT"),
    (asyncpg.CharacterNotInRepertoireError("invalid byte sequence"), "INVALID_ARGUMENT"),
    (_too_large(), "INVALID_AMOUNT"), (OverflowError("date value out of range"), "INVALID_AMOUNT"),
])
def test_data_that_nothing_holds_is_a_refusal(error: Exception, reason: str) -> None:
    """As asyncpg says it before it sends, as PostgreSQL does, as protobuf does while it encodes."""
    refusal = unstorable(error)

    assert refusal is not None
    assert (refusal.reason, refusal.status) == (reason, "INVALID_ARGUMENT")


@pytest.mark.parametrize("error", [
    ValueError("unlucky"), asyncpg.CheckViolationError("no room"), asyncpg.UniqueViolationError("twice"),
    OSError("gone"),
])
def test_every_other_error_stays_what_it_is(error: Exception) -> None:
    """A broken law of ours is a defect, never the caller's."""
    assert unstorable(error) is None


async def test_only_who_may_be_told_no_is_refused() -> None:
    """A call, TRY and EXECUTE; a promise that was given, a notice and a timer are set aside as before."""
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    call, notice = Message("request-1", "acc_1", None), Message("notice-1", "acc_1", None)
    timer = Message("", "acc_1", TimerDue("cut", "acc_1", NOW))
    branch = {op: Message("saga_1/T", "acc_1", None, saga=SagaRef("saga_1", "credit_ledger", op)) for op in Op}

    assert Item(call, answer=answer).refusable
    assert not Item(notice).refusable
    assert not Item(timer).refusable
    assert {op for op, message in branch.items() if Item(message).refusable} == {Op.TRY, Op.EXECUTE}
