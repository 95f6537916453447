"""Settlement with a merchant in the card book: what it owes goes to credit_ledger, and no fen twice (DOMAIN 3.3)."""

from dataclasses import replace

import pytest

from services.card_redemption.domain.commands import (
    CaptureDeposit,
    ClearMerchantShare,
    DepositCard,
    IssueCard,
    RefundCard,
    ReverseCardRefund,
)
from services.card_redemption.domain.effects import CardEffect
from services.card_redemption.domain.merchants.share import MerchantShare
from services.card_redemption.store import TABLES
from services.card_redemption.store.reads import merchant_balance
from services.kernel.decision import Busy, Done
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.messages import Message, Op
from services.kernel.money import BALANCE_MAX_MINOR
from services.kernel.shares import share_key
from services.runtime.ground.tables import Table
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.saga.v1 import saga_pb2
from tests.in_memory import Step
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.world import World


def _owing(amount: int = 3_000) -> World:
    """A world in which this book owes the merchant so much."""
    world = World()
    world.play(DepositCard("crd_1", "ord_1", "cus_1", "mer_1", amount))
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", amount))
    return world


def _clear(amount: int) -> ClearMerchantShare:
    return ClearMerchantShare("mer_1", amount)


def test_a_settlement_gives_up_what_is_owed_and_clears_it_to_the_other_book() -> None:
    """Dr MERCH.PAY g, Cr X.CLEARING{saga} g; to the last fen."""
    world = _owing(3_000)

    world.play(_clear(3_000), Op.TRY, "saga_s")
    done = world.play(_clear(3_000), Op.CONFIRM, "saga_s")

    assert isinstance(done.outcome, Done)
    assert done.outcome.moved == (("GIFTCARD", 3_000),)
    assert (world.book["L.MERCH.PAY", "mer_1"], world.book["X.CLEARING", "saga_s"], world.owed()) == (0, -3_000, 0)
    assert [journal.op for journal in done.journals] == ["merchant_settle"]


@pytest.mark.parametrize(
    ("amount", "error"), [(3_001, FailedPrecondition), (0, InvalidArgument), (-1, InvalidArgument)]
)
def test_never_more_than_is_owed(amount: int, error: type[Exception]) -> None:
    """EXCEEDS_PAYABLE; the boundary itself is settled above."""
    world = _owing(3_000)

    with pytest.raises(error):
        world.play(_clear(amount), Op.TRY)
    assert world.owed() == 3_000


def test_one_settlement_with_a_merchant_at_a_time() -> None:
    """Until the first is decided the second waits, so the same fen is never claimed twice."""
    world = _owing(3_000)

    world.play(_clear(2_000), Op.TRY, "saga_a")
    second = world.play(_clear(2_000), Op.TRY, "saga_b")

    assert isinstance(second.outcome, Busy)
    world.play(_clear(2_000), Op.CANCEL, "saga_a")
    world.play(_clear(2_000), Op.TRY, "saga_b")
    world.play(_clear(2_000), Op.CONFIRM, "saga_b")
    assert (world.owed(), world.book["X.CLEARING", "saga_a"], world.book["X.CLEARING", "saga_b"]) == (1_000, 0, -2_000)


def test_a_tried_settlement_changes_nothing_that_is_booked() -> None:
    """TRY claims invisibly, CANCEL leaves no trace."""
    world = _owing(3_000)
    before = dict(world.book)
    key = share_key("mer_1", "crd_1")

    tried = world.play(_clear(1_000), Op.TRY, "saga_s")
    claimed = world.find(MerchantShare, key)
    world.play(_clear(1_000), Op.CANCEL, "saga_s")

    free = world.find(MerchantShare, key)
    assert claimed is not None
    assert free is not None
    assert (claimed.settling_minor, free.settling_minor, free.version - claimed.version) == (1_000, 0, 0)
    assert (tried.journals, tried.events, dict(world.book)) == ((), (), before)


def _refund(amount: int, refund_id: str = "rfd_1") -> RefundCard:
    return RefundCard("crd_1", "ord_1", "mer_1", refund_id, amount)


def _settled(world: World, amount: int) -> World:
    for op in (Op.TRY, Op.CONFIRM):
        world.play(_clear(amount), op, "saga_s")
    return world


def _uncovered(step: Step) -> int:
    assert isinstance(step.outcome, Done)
    assert isinstance(step.outcome.result, CardEffect)
    return step.outcome.result.uncovered_minor


@pytest.mark.parametrize(("paid", "uncovered"), [(2_000, 0), (2_001, 1), (3_000, 1_000)])
def test_a_refund_uses_up_what_is_owed_and_claims_the_rest_from_the_paid_merchant(paid: int, uncovered: int) -> None:
    """Dr MERCH.PAY, Dr X.CLEARING{saga} what was paid, Cr GIFTCARD; TRY answers what CONFIRM posts (P23, OP-3)."""
    world = _settled(_owing(3_000), paid)

    tried = world.play(_refund(1_000), Op.TRY, "saga_r")
    done = world.play(_refund(1_000), Op.CONFIRM, "saga_r")

    assert (_uncovered(tried), _uncovered(done)) == (uncovered, uncovered)
    assert (world.book["X.CLEARING", "saga_r"], world.owed()) == (uncovered, 3_000 - paid - 1_000 + uncovered)
    assert (world.book["L.MERCH.PAY", "mer_1"], world.card.balance_minor) == (-world.owed(), 8_000)


def test_a_settlement_between_try_and_confirm_of_a_refund_takes_nothing_of_it() -> None:
    """What the refund is to use up is claimed, so the coordinator hears a figure that stays true; CANCEL lets it go."""
    world = _owing(3_000)

    tried = world.play(_refund(1_000), Op.TRY, "saga_r")
    with pytest.raises(FailedPrecondition, match="EXCEEDS_PAYABLE"):
        world.play(_clear(2_001), Op.TRY, "saga_t")
    _settled(world, 2_000)
    done = world.play(_refund(1_000), Op.CONFIRM, "saga_r")

    assert (_uncovered(tried), _uncovered(done), world.owed()) == (0, 0, 0)
    world.play(_refund(500, "rfd_2"), Op.TRY, "saga_2")
    world.play(_refund(500, "rfd_2"), Op.CANCEL, "saga_2")
    assert sum(share.refunding_minor for share in world.shares()) == 0


def test_a_reversal_is_the_exact_negation_of_a_refund_that_was_paid_already() -> None:
    """It goes over X.CLEARING too, under the saga of the reversal (P24)."""
    world = _settled(_owing(3_000), 2_500)
    world.play(_refund(1_000), Op.TRY, "saga_r")
    world.play(_refund(1_000), Op.CONFIRM, "saga_r")

    world.play(ReverseCardRefund("crd_1", "ord_1", "mer_1", "rfd_1", 1_000), Op.TRY, "saga_v")
    undone = world.play(ReverseCardRefund("crd_1", "ord_1", "mer_1", "rfd_1", 1_000), Op.CONFIRM, "saga_v")

    assert (_uncovered(undone), world.book["X.CLEARING", "saga_v"], world.owed()) == (500, -500, 500)
    assert (world.book["L.MERCH.PAY", "mer_1"], world.card.balance_minor) == (-500, 7_000)


def test_a_refund_between_try_and_confirm_of_a_settlement_does_not_undo_it() -> None:
    """CONFIRM cannot be refused; what the settlement has claimed counts as paid."""
    world = _owing(3_000)

    world.play(_clear(3_000), Op.TRY, "saga_s")
    tried = world.play(_refund(1_000), Op.TRY, "saga_r")
    world.play(_refund(1_000), Op.CONFIRM, "saga_r")
    done = world.play(_clear(3_000), Op.CONFIRM, "saga_s")

    assert isinstance(done.outcome, Done)
    assert (_uncovered(tried), world.owed(), world.book["L.MERCH.PAY", "mer_1"]) == (1_000, 0, 0)
    assert (world.book["X.CLEARING", "saga_r"], world.card.balance_minor) == (1_000, 8_000)


async def _shipped(cards: CardLedger, card_id: str, order_id: str, amount: int) -> None:
    await cards.command(DepositCard(card_id, order_id, "cus_1", "mer_1", amount))
    await cards.command(CaptureDeposit(card_id, order_id, "mer_1", amount))


async def test_all_shares_of_a_merchant_are_settled_together(cards: CardLedger) -> None:
    """Cards of two lanes; rows come back as they were saved, claimed and free; refunds of both use up what is left."""
    for card_id in ("crd_1", "crd_2"):
        await cards.run(Message(f"issue-{card_id}", card_id, IssueCard(card_id, "cus_1", 10_000)))
        await _shipped(cards, card_id, f"ord_{card_id}", 2_000)
    by_kind: dict[type, Table] = {table.kind: table for table in TABLES}
    for op in (Op.TRY, Op.CONFIRM):
        await cards.command(_clear(3_500), "saga_s", op)
        rows = cards.effects.dirty[MerchantShare]
        async with cards.connection.transaction():
            loaded = await by_kind[MerchantShare].load(cards.connection, sorted(rows))
        assert {row.key: row for row in loaded} == rows
        assert await merchant_balance(cards.connection, "mer_1") == {Op.TRY: (4_000, 3_500), Op.CONFIRM: (500, 0)}[op]

    for card_id in ("crd_1", "crd_2"):
        await cards.command(RefundCard(card_id, f"ord_{card_id}", "mer_1", "rfd_1", 400), f"saga_{card_id}", Op.TRY)
    read = await cards.service.GetMerchantBalance(pb.GetMerchantBalanceRequest(merchant_id="mer_1"), cards.context)
    posted = await cards.service.ListJournals(pb.ListJournalsRequest(root_id=read.root_ids[0]), cards.context)

    assert (read.payable_minor, read.settling_minor) == (500, 500)
    assert [(line.account, line.sub, line.amount_minor) for line in posted.journals[0].lines] == [
        ("L.MERCH.PAY", "mer_1", 3_500), ("X.CLEARING", "saga_s", -3_500),
    ]


async def test_a_cancel_before_its_try_claims_nothing(cards: CardLedger) -> None:
    """The barrier holds for a merchant's share as for a card."""
    cancelled = await cards.command(_clear(1), "saga_s", Op.CANCEL)
    tried = await cards.command(_clear(1), "saga_s", Op.TRY)

    assert (cancelled.verdict, tried.verdict) == (saga_pb2.VERDICT_DONE, saga_pb2.VERDICT_TOMBSTONED)
    assert await merchant_balance(cards.connection, "mer_1") == (0, 0)


@pytest.mark.parametrize("undone", [False, True])
def test_only_a_try_is_refused_for_a_full_share(undone: bool) -> None:
    """What others fill between TRY and CONFIRM stops no CONFIRM: it was a defect, and the settlement froze."""
    world = _owing(3_000)
    body: CaptureDeposit | ReverseCardRefund = CaptureDeposit("crd_1", "ord_2", "mer_1", 2_000)
    if undone:
        world.play(RefundCard("crd_1", "ord_1", "mer_1", "ref_1", 2_000))
        body = ReverseCardRefund("crd_1", "ord_1", "mer_1", "ref_1", 2_000)
    else:
        world.play(DepositCard("crd_1", "ord_2", "cus_1", "mer_1", 2_000))
    world.play(body, Op.TRY, "saga_a")
    key = share_key("mer_1", "crd_1")
    world.given(replace(world.row(MerchantShare, key), payable_minor=BALANCE_MAX_MINOR))

    world.play(body, Op.CONFIRM, "saga_a")

    assert world.row(MerchantShare, key).payable_minor == BALANCE_MAX_MINOR + 2_000
    with pytest.raises(InvalidArgument):
        world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 1), Op.TRY, "saga_b")
