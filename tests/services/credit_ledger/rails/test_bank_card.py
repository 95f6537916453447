"""The rail's contract, against the sandbox over gRPC and against
an in-memory fake; then against a sandbox that misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.leg import QueryLeg, Rail, SendLeg
from services.credit_ledger.rails import performing
from services.credit_ledger.rails.bank_card import BankCardRail
from services.credit_ledger.rails.rail import PaymentRail
from settle.local.acquirer.faults import Faults
from tests.services.credit_ledger.rails.fake_rail import FakeRail
from tests.settle.local.acquirer.sandbox import sandbox

SECONDS_MAX = 0.2
"""Of a call that is not answered."""
ANSWERED_SECONDS_MAX = 30.0
"""Of one that is, however crowded the machine."""
LEG = SendLeg("leg_1", "acc_1", Rail.CARD, "pay_1", 500)


@pytest.fixture(params=["fake", "sandbox"])
async def rail(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PaymentRail]:
    """Both rails must pass the same tests."""
    if request.param == "fake":
        yield FakeRail()
        return
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        yield BankCardRail(bank.target, 5.0)


async def test_the_same_leg_is_paid_once(rail: PaymentRail) -> None:
    """The key makes a repetition harmless."""
    first, again = await rail.send(LEG), await rail.send(LEG)

    assert first == again == (LegReport.SETTLED, "")


async def test_a_key_with_other_content_is_refused(rail: PaymentRail) -> None:
    """One key, one payment."""
    await rail.send(LEG)

    report, detail = await rail.send(replace(LEG, amount_minor=501))

    assert report is LegReport.REJECTED
    assert "IDEMPOTENCY_CONFLICT" in detail


async def test_a_query_tells_paid_from_unheard_of(rail: PaymentRail) -> None:
    """What never arrived is not an unknown outcome."""
    await rail.send(LEG)

    assert await rail.query("leg_1") == (LegReport.SETTLED, "")
    assert await rail.query("leg_2") is None


async def test_a_closed_instrument_is_named(rail: PaymentRail) -> None:
    """It is told apart from other refusals, when sent and when asked about (PM-3)."""
    sent = await rail.send(replace(LEG, reference="closed_1"))

    assert sent == await rail.query("leg_1") == (LegReport.CLOSED, "INSTRUMENT_CLOSED")


async def test_a_payment_that_gives_nothing_back_is_refused_by_its_reason(tmp_path: Path) -> None:
    """It is final, and the leg's detail says why."""
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        report, detail = await BankCardRail(bank.target, 5.0).send(replace(LEG, reference="refused_1"))

    assert report is LegReport.REJECTED
    assert detail.startswith("PAYMENT_NOT_REFUNDABLE")


async def test_a_query_that_finds_nothing_sends_under_the_same_key() -> None:
    """The intent was committed, so the payment has to happen."""
    fake = FakeRail()

    report = await performing({Rail.CARD: fake})(QueryLeg(LEG))

    assert fake.booked == {"leg_1": LEG}
    assert report is not None
    assert report.body == ReportLeg("acc_1", "leg_1", LegReport.SETTLED, "")


async def test_other_actions_are_not_ours() -> None:
    """Nothing is reported for them."""
    assert await performing({Rail.CARD: FakeRail()})(object()) is None


@pytest.mark.parametrize(("faults", "seconds_max", "report"), [
    (Faults(timeout_done_ppm=1_000_000), SECONDS_MAX, LegReport.UNKNOWN),
    (Faults(timeout_undone_ppm=1_000_000), SECONDS_MAX, LegReport.UNKNOWN),
    (Faults(late_done_ppm=1_000_000), SECONDS_MAX, LegReport.UNKNOWN),
    (Faults(unavailable_ppm=1_000_000), ANSWERED_SECONDS_MAX, LegReport.UNKNOWN),
    (Faults(rejected_ppm=1_000_000), ANSWERED_SECONDS_MAX, LegReport.REJECTED),
])
async def test_what_is_not_known_is_not_taken_for_a_refusal(
    tmp_path: Path, faults: Faults, seconds_max: float, report: LegReport
) -> None:
    """Only the acquirer's own word ends a leg."""
    async with sandbox(tmp_path / "bank.sqlite", faults) as bank:
        answer, detail = await BankCardRail(bank.target, seconds_max).send(LEG)

    assert answer is report
    assert detail


async def test_nobody_listening_is_unknown() -> None:
    """Neither paid nor refused, whether sent or asked about."""
    rail = BankCardRail("127.0.0.1:1", SECONDS_MAX)

    sent, asked = await rail.send(LEG), await rail.query("leg_1")

    assert sent[0] is LegReport.UNKNOWN
    assert asked is not None
    assert asked[0] is LegReport.UNKNOWN


async def test_an_accepted_refund_is_settled_by_asking_later(tmp_path: Path) -> None:
    """The bank takes its time."""
    async with sandbox(tmp_path / "bank.sqlite", confirms=False) as bank:
        rail = BankCardRail(bank.target, 5.0)
        accepted = await rail.send(LEG)
        bank.ledger.confirm("leg_1")
        settled = await rail.query("leg_1")

    assert accepted == (LegReport.ACCEPTED, "")
    assert settled == (LegReport.SETTLED, "")


async def test_timeouts_that_were_done_are_found_by_asking(tmp_path: Path) -> None:
    """30 % of the calls time out although done, others although
    not or later; each leg is paid once in the end (F37)."""
    faults = Faults(
        timeout_done_ppm=300_000, timeout_undone_ppm=100_000, unavailable_ppm=50_000, late_done_ppm=100_000, seed=7,
    )
    async with sandbox(tmp_path / "bank.sqlite", faults) as bank:
        act = performing({Rail.CARD: BankCardRail(bank.target, SECONDS_MAX)})

        async def settle(leg: SendLeg) -> None:
            action: SendLeg | QueryLeg = leg
            for _ in range(30):
                report = await act(action)
                assert report is not None
                assert isinstance(report.body, ReportLeg)
                if report.body.report is LegReport.SETTLED:
                    return
                action = QueryLeg(leg)
            raise AssertionError(f"{leg.leg_id} was never settled")

        legs = [replace(LEG, leg_id=f"leg_{no}", amount_minor=100 + no) for no in range(40)]
        await asyncio.gather(*(settle(leg) for leg in legs))

        refunds = bank.ledger.list("", "", 1_000)
    assert {refund.key: refund.amount_minor for refund in refunds} == {leg.leg_id: leg.amount_minor for leg in legs}
