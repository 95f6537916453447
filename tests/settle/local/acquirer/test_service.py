"""The sandbox acquirer: one refund per key, whatever is asked and however often, and faults that can be repeated."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.runtime.rpc.errors import from_rpc_error
from settle.local.acquirer.faults import Faults
from settle.local.acquirer.ledger import AcquirerLedger, KeyReused
from settle.local.shares import Dice
from settlement.common.v1 import money_pb2
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from tests.settle.local.acquirer.sandbox import Sandbox, sandbox

SECONDS_MAX = 10.0


def _refund(key: str = "leg_1", amount: int = 500, reference: str = "pay_1", currency: str = "CNY") -> pb.RefundRequest:
    money = money_pb2.Money(minor_units=amount, currency_code=currency)
    return pb.RefundRequest(idempotency_key=key, payment_reference=reference, amount=money)


async def _code(bank: Sandbox, request: pb.RefundRequest, timeout: float = SECONDS_MAX) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bank.stub.Refund(request, timeout=timeout)
    return caught.value.code()


async def test_the_same_request_has_the_same_answer(tmp_path: Path) -> None:
    """The second call is counted, and nothing else."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        first = (await bank.stub.Refund(_refund())).refund
        again = (await bank.stub.Refund(_refund())).refund

    assert (first.state, first.calls, again.calls) == (pb.ACQUIRER_REFUND_STATE_CONFIRMED, 1, 2)
    assert again.amount == first.amount
    assert (again.create_time, again.confirm_time) == (first.create_time, first.confirm_time)


@pytest.mark.parametrize("other", [_refund(amount=501), _refund(reference="pay_2")])
async def test_a_key_stands_for_one_content(tmp_path: Path, other: pb.RefundRequest) -> None:
    """Other content under a known key is refused, and is not even counted."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        await bank.stub.Refund(_refund())

        assert await _code(bank, other) is grpc.StatusCode.ALREADY_EXISTS
        assert [(row.amount_minor, row.calls) for row in bank.ledger.list("", "", 10)] == [(500, 1)]


@pytest.mark.parametrize("bad", [_refund(key=""), _refund(amount=0), _refund(amount=-1), _refund(currency="USD")])
async def test_nonsense_is_refused(tmp_path: Path, bad: pb.RefundRequest) -> None:
    """Nothing is written for it."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        assert await _code(bank, bad) is grpc.StatusCode.INVALID_ARGUMENT
        assert bank.ledger.list("", "", 10) == []


@pytest.mark.parametrize(("method", "request_", "reason"), [
    ("Refund", _refund(amount=0), "INVALID_AMOUNT"),
    ("Refund", _refund(key="leg 1"), "INVALID_ARGUMENT"),
    ("Refund", _refund(currency="USD"), "INVALID_ARGUMENT"),
    ("Refund", _refund(amount=501), "IDEMPOTENCY_CONFLICT"),
    ("Refund", _refund(reference="refused_1"), "PAYMENT_NOT_REFUNDABLE"),
    ("GetRefund", pb.GetRefundRequest(idempotency_key="leg_9"), "LEG_NOT_FOUND"),
    ("ConfirmRefund", pb.ConfirmRefundRequest(idempotency_key="leg_9"), "LEG_NOT_FOUND"),
    ("BounceRefund", pb.BounceRefundRequest(idempotency_key="leg_9"), "LEG_NOT_FOUND"),
    ("ListRefunds", pb.ListRefundsRequest(page_token="x"), "INVALID_PAGE_TOKEN"),
    ("ListRefunds", pb.ListRefundsRequest(page_size=-1), "INVALID_ARGUMENT"),
    ("SetFaults", pb.SetFaultsRequest(rejected_ppm=1_000_001), "INVALID_AMOUNT"),
])
async def test_every_refusal_has_its_reason(tmp_path: Path, method: str, request_: Any, reason: str) -> None:
    """As at all our services; before, the acquirer's errors were bare codes (N7)."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        await bank.stub.Refund(_refund())
        booked = bank.ledger.list("", "", 10)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(bank.stub, method)(request_)

        assert bank.ledger.list("", "", 10) == booked
    assert from_rpc_error(caught.value).reason == reason


async def test_a_manual_bank_pays_when_it_is_told_and_once(tmp_path: Path) -> None:
    """PENDING until confirmed; the second confirmation finds it done."""
    async with sandbox(tmp_path / "bank.sqlite", confirms=False) as bank:
        pending = (await bank.stub.Refund(_refund())).refund
        confirm = pb.ConfirmRefundRequest(idempotency_key="leg_1")
        paid, again = (await bank.stub.ConfirmRefund(confirm)).refund, (await bank.stub.ConfirmRefund(confirm)).refund

    assert pending.state == pb.ACQUIRER_REFUND_STATE_PENDING
    assert paid.state == pb.ACQUIRER_REFUND_STATE_CONFIRMED
    assert paid == again


async def test_a_closed_instrument_is_rejected_and_stays_so(tmp_path: Path) -> None:
    """PM-3: the answer says why; a confirmation does not revive it."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        rejected = (await bank.stub.Refund(_refund(reference="closed_1"))).refund
        after = (await bank.stub.ConfirmRefund(pb.ConfirmRefundRequest(idempotency_key="leg_1"))).refund

    assert (rejected.state, rejected.detail) == (pb.ACQUIRER_REFUND_STATE_REJECTED, "INSTRUMENT_CLOSED")
    assert after.state == pb.ACQUIRER_REFUND_STATE_REJECTED


async def test_unheard_of_keys_are_not_found(tmp_path: Path) -> None:
    """Neither read nor confirmed."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        with pytest.raises(grpc.aio.AioRpcError) as read:
            await bank.stub.GetRefund(pb.GetRefundRequest(idempotency_key="leg_9"))
        with pytest.raises(grpc.aio.AioRpcError) as confirmed:
            await bank.stub.ConfirmRefund(pb.ConfirmRefundRequest(idempotency_key="leg_9"))

    assert (read.value.code(), confirmed.value.code()) == (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.NOT_FOUND)


async def test_refunds_are_listed_by_key_in_pages(tmp_path: Path) -> None:
    """Every refund on exactly one page, or only those of a payment."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        for no in range(5):
            await bank.stub.Refund(_refund(f"leg_{no}", reference=f"pay_{no % 2}"))
        seen, token = [], ""
        while True:
            page = await bank.stub.ListRefunds(pb.ListRefundsRequest(page_size=2, page_token=token))
            seen += [refund.idempotency_key for refund in page.refunds]
            token = page.next_page_token
            if not token:
                break
        of_one = await bank.stub.ListRefunds(pb.ListRefundsRequest(payment_reference="pay_1"))

    assert seen == [f"leg_{no}" for no in range(5)]
    assert [refund.idempotency_key for refund in of_one.refunds] == ["leg_1", "leg_3"]


@pytest.mark.parametrize(
    ("fault", "code", "booked"),
    [
        ("timeout_done_ppm", grpc.StatusCode.DEADLINE_EXCEEDED, True),
        ("timeout_undone_ppm", grpc.StatusCode.DEADLINE_EXCEEDED, False),
        ("unavailable_ppm", grpc.StatusCode.UNAVAILABLE, False),
    ],
)
async def test_each_fault_does_what_it_says(tmp_path: Path, fault: str, code: grpc.StatusCode, booked: bool) -> None:
    """Set over the RPC, at once and for all calls."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        await bank.stub.SetFaults(pb.SetFaultsRequest(**{fault: 1_000_000}))

        assert await _code(bank, _refund(), 0.2) is code
        assert (bank.ledger.find("leg_1") is not None) is booked


async def test_a_late_success_comes_after_the_caller_gave_up(tmp_path: Path) -> None:
    """Sent again meanwhile, it is still one refund."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        await bank.stub.SetFaults(pb.SetFaultsRequest(late_done_ppm=1_000_000))
        assert await _code(bank, _refund(), 0.01) is grpc.StatusCode.DEADLINE_EXCEEDED
        assert bank.ledger.find("leg_1") is None
        await bank.stub.SetFaults(pb.SetFaultsRequest())
        await bank.stub.Refund(_refund())

        async with asyncio.timeout(SECONDS_MAX):
            while True:
                found = (await bank.stub.GetRefund(pb.GetRefundRequest(idempotency_key="leg_1"))).refund
                if found.calls == 2:
                    break

        assert len(bank.ledger.list("", "", 10)) == 1


def test_what_was_booked_survives_the_process(tmp_path: Path) -> None:
    """A second ledger on the same file knows it, and its key is still taken."""
    first = AcquirerLedger(tmp_path / "bank.sqlite")
    booked = first.refund("leg_1", "pay_1", 500, "CONFIRMED")

    second = AcquirerLedger(tmp_path / "bank.sqlite")

    assert second.find("leg_1") == booked
    with pytest.raises(KeyReused):
        second.refund("leg_1", "pay_1", 400, "CONFIRMED")
    first.close()
    second.close()


def test_the_same_seed_draws_the_same_faults() -> None:
    """A run can be repeated."""
    draws = [[dice.hit(300_000) for _ in range(200)] for dice in (Dice(7), Dice(7))]

    assert draws[0] == draws[1]
    assert 30 < sum(draws[0]) < 90


@pytest.mark.parametrize("text", ["nonsense", "timeout_done_ppm=x", "timeout_done_ppm=1000001", "unknown_ppm=1"])
def test_a_wrong_list_of_faults_is_refused(text: str) -> None:
    """A typing error must not switch the faults off silently."""
    with pytest.raises(ValueError, match="faults"):
        Faults.parse(text)


def test_a_list_of_faults_is_read() -> None:
    """As SETTLE_ACQUIRER_FAULTS gives it; none is none."""
    assert Faults.parse("timeout_done_ppm=300000, seed=7") == Faults(timeout_done_ppm=300_000, seed=7)
    assert Faults.parse("") == Faults()


async def test_a_refund_that_arrived_can_come_back(tmp_path: Path) -> None:
    """Rejected from then on, under the same key too; one that is still pending stays."""
    async with sandbox(tmp_path / "bank.sqlite", confirms=False) as bank:
        await bank.stub.Refund(_refund())
        pending = (await bank.stub.BounceRefund(pb.BounceRefundRequest(idempotency_key="leg_1"))).refund
        await bank.stub.ConfirmRefund(pb.ConfirmRefundRequest(idempotency_key="leg_1"))
        bounced = (await bank.stub.BounceRefund(pb.BounceRefundRequest(idempotency_key="leg_1"))).refund
        again = (await bank.stub.Refund(_refund())).refund

    assert pending.state == pb.ACQUIRER_REFUND_STATE_PENDING
    assert (bounced.state, bounced.detail) == (pb.ACQUIRER_REFUND_STATE_REJECTED, "BOUNCED")
    assert again.state == pb.ACQUIRER_REFUND_STATE_REJECTED
