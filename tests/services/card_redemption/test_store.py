"""Cards through real batches on a real PostgreSQL: rows, replies, claims and constraints."""

import asyncpg
import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    DepositCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.card_redemption.store import TABLES
from services.card_redemption.store.reads import find_card
from services.kernel.messages import Message, Op
from settlement.card_redemption.v1 import effects_pb2
from settlement.saga.v1 import saga_pb2
from tests.services.batches import check_saved
from tests.services.card_redemption.ledger import CardLedger

CARD = "crd_1"
UNDO = ReverseCardRefund(CARD, "ord_1", "mer_1", "rfd_1", 500)


async def _issued(cards: CardLedger, face: int = 10_000) -> None:
    await cards.run(Message("call-issue", CARD, IssueCard(CARD, "cus_1", face)))


async def _refunded(cards: CardLedger) -> saga_pb2.Reply:
    await _issued(cards)
    await cards.command(DepositCard(CARD, "ord_1", "cus_1", "mer_1", 3_000))
    await cards.command(CaptureDeposit(CARD, "ord_1", "mer_1", 1_000))
    await cards.command(ReturnDeposit(CARD, "ord_1", "mer_1", 2_000))
    return await cards.command(RefundCard(CARD, "ord_1", "mer_1", "rfd_1", 500))


async def test_rows_come_back_as_they_were_saved(cards: CardLedger) -> None:
    """A card and its tender with two refunds, claimed and free."""
    await _refunded(cards)
    await check_saved(cards.connection, TABLES, cards.effects)
    await cards.command(RefundCard(CARD, "ord_1", "mer_1", "rfd_2", 300))
    await check_saved(cards.connection, TABLES, cards.effects)
    await cards.command(UNDO, "saga_t", Op.TRY)
    await check_saved(cards.connection, TABLES, cards.effects)
    await cards.command(UNDO, "saga_t", Op.CONFIRM)
    await check_saved(cards.connection, TABLES, cards.effects)

    card = await find_card(cards.connection, CARD)
    assert isinstance(card, GiftCard)
    assert (card.balance_minor, card.held_minor) == (9_300, 0)


async def test_the_reply_carries_the_effect_and_the_money_that_moved(cards: CardLedger) -> None:
    """What the coordinator compares with its plan, and what a settlement shows."""
    reply = await _refunded(cards)

    effect = effects_pb2.CardEffect.FromString(reply.result)
    assert (reply.verdict, reply.result_type) == (saga_pb2.VERDICT_DONE, "settlement.card_redemption.v1.CardEffect")
    assert [(moved.name, moved.amount_minor) for moved in reply.moved] == [("GIFTCARD", 500)]
    assert (effect.op, effect.refund_id, effect.amount_minor, effect.balance_minor) == ("refund", "rfd_1", 500, 9_500)


async def test_a_repeated_command_gets_the_stored_reply(cards: CardLedger) -> None:
    """The barrier: nothing is deposited twice."""
    await _issued(cards)
    body = DepositCard(CARD, "ord_1", "cus_1", "mer_1", 3_000)

    first = await cards.command(body, "saga_1")
    again = await cards.command(body, "saga_1")

    card = await find_card(cards.connection, CARD)
    assert card is not None
    assert (first, card.balance_minor) == (again, 7_000)


async def test_a_cancel_before_its_try_leaves_nothing(cards: CardLedger) -> None:
    """The late TRY is told so, and the card is as it was."""
    await _issued(cards)
    body = DepositCard(CARD, "ord_1", "cus_1", "mer_1", 3_000)

    cancelled = await cards.command(body, "saga_1", Op.CANCEL)
    tried = await cards.command(body, "saga_1", Op.TRY)

    card = await find_card(cards.connection, CARD)
    assert card is not None
    assert (cancelled.verdict, tried.verdict) == (saga_pb2.VERDICT_DONE, saga_pb2.VERDICT_TOMBSTONED)
    assert (card.balance_minor, card.held_minor, card.version) == (10_000, 0, 1)
    assert await cards.connection.fetchval("select count(*) from card_tenders") == 0


async def test_the_book_sums_to_zero_and_is_the_card(cards: CardLedger) -> None:
    """After every command, a reversal among them."""
    await _refunded(cards)
    await cards.command(UNDO)

    sums = await cards.connection.fetch("select account, sum(amount_minor)::bigint from entries group by account")
    refunds = await cards.connection.fetch("select * from card_tender_refunds")
    assert dict(map(tuple, sums)) == {"X.OPENING": 10_000, "L.GIFTCARD": -9_000, "L.DEPOSIT": 0, "L.MERCH.PAY": -1_000}
    assert refunds == []


@pytest.mark.parametrize(
    "broken",
    [
        "update gift_cards set balance_minor = -1",
        "update gift_cards set held_minor = balance_minor + 1",
        "update card_tenders set captured_minor = deposited_minor + 1",
        "update card_tenders set pending_saga_id = 'saga_1'",
    ],
)
async def test_the_database_refuses_what_no_rule_may_write(cards: CardLedger, broken: str) -> None:
    """The last line of defence."""
    await _refunded(cards)

    with pytest.raises(asyncpg.CheckViolationError):
        await cards.connection.execute(broken)
