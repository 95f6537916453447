"""The rail's contract, against the sandbox over gRPC and against an in-memory fake; then against a sandbox that misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from services.credit_ledger.domain.commands import LegReport, ReportLeg
from services.credit_ledger.domain.leg import QueryLeg, Rail, SendLeg
from services.credit_ledger.rails import performing
from services.credit_ledger.rails.bank_card import BankCardRail
from services.credit_ledger.rails.rail import PaymentRail
from services.local.acquirer.ledger import AcquirerLedger
from services.local.acquirer.service import Acquirer, Faults
from settlement.sandbox.v1.acquirer_service_pb2_grpc import add_AcquirerServiceServicer_to_server

SECONDS_MAX = 0.2


class FakeRail:
    """A network in memory: confirms at once."""

    def __init__(self) -> None:
        self.paid: dict[str, int] = {}

    async def send(self, leg: SendLeg) -> tuple[LegReport, str]:
        """Pay once per key; other content under the same key is refused."""
        if self.paid.setdefault(leg.leg_id, leg.amount_minor) != leg.amount_minor:
            return LegReport.REJECTED, "ALREADY_EXISTS: other content"
        return LegReport.SETTLED, ""

    async def query(self, leg_id: str) -> tuple[LegReport, str] | None:
        """Paid or unheard of."""
        return (LegReport.SETTLED, "") if leg_id in self.paid else None


async def _sandbox(file: Path, faults: Faults | None = None, seed: int = 1) -> tuple[grpc.aio.Server, str, AcquirerLedger]:
    ledger = AcquirerLedger(file)
    server = grpc.aio.server()
    add_AcquirerServiceServicer_to_server(Acquirer(ledger, True, faults, seed), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}", ledger


@pytest.fixture(params=["fake", "sandbox"])
async def rail(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PaymentRail]:
    """Both rails must pass the same tests."""
    if request.param == "fake":
        yield FakeRail()
        return
    server, target, _ = await _sandbox(tmp_path / "ledger.sqlite")
    yield BankCardRail(target, 5.0)
    await server.stop(0)


def _leg(name: str = "leg_1", amount: int = 500) -> SendLeg:
    return SendLeg(name, "acc_1", Rail.CARD, "pay_1", amount)


async def test_the_same_leg_is_paid_once(rail: PaymentRail) -> None:
    """The key makes a repetition harmless."""
    first, again = await rail.send(_leg()), await rail.send(_leg())

    assert first == again == (LegReport.SETTLED, "")


async def test_a_key_with_other_content_is_refused(rail: PaymentRail) -> None:
    """One key, one payment."""
    await rail.send(_leg())

    report, detail = await rail.send(_leg(amount=501))

    assert report is LegReport.REJECTED
    assert "ALREADY_EXISTS" in detail


async def test_a_query_tells_paid_from_unheard_of(rail: PaymentRail) -> None:
    """What never arrived is not an unknown outcome."""
    await rail.send(_leg())

    assert await rail.query("leg_1") == (LegReport.SETTLED, "")
    assert await rail.query("leg_2") is None


async def test_a_query_that_finds_nothing_sends_under_the_same_key() -> None:
    """The intent was committed, so the payment has to happen."""
    fake = FakeRail()

    report = await performing({Rail.CARD: fake})(QueryLeg(_leg()))

    assert fake.paid == {"leg_1": 500}
    assert report is not None
    assert report.body == ReportLeg("acc_1", "leg_1", LegReport.SETTLED, "")


async def test_timeouts_that_were_done_are_found_by_asking(tmp_path: Path) -> None:
    """F37: 30 % of the calls time out although done, 10 % although not; each leg is paid exactly once in the end."""
    server, target, ledger = await _sandbox(tmp_path / "ledger.sqlite", Faults(300_000, 100_000, 50_000), seed=7)
    act = performing({Rail.CARD: BankCardRail(target, SECONDS_MAX)})

    async def settle(leg: SendLeg) -> None:
        action: SendLeg | QueryLeg = leg
        for _ in range(20):
            report = await act(action)
            assert report is not None
            assert isinstance(report.body, ReportLeg)
            if report.body.report is LegReport.SETTLED:
                return
            action = QueryLeg(leg)
        raise AssertionError(f"{leg.leg_id} was never settled")

    await asyncio.gather(*(settle(_leg(f"leg_{no}", 100 + no)) for no in range(40)))

    refunds = ledger.list("", "", 1_000)
    assert {refund.key: refund.amount_minor for refund in refunds} == {f"leg_{no}": 100 + no for no in range(40)}
    assert any(refund.calls == 1 for refund in refunds)
    await server.stop(0)
