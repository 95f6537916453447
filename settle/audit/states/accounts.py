"""Credit accounts with their agreements, instalments, legs and refunds, and gift cards: states and timers."""

from collections.abc import AsyncIterator, Sequence

from services.card_redemption.domain.lifecycles import GIFT_CARD
from services.credit_ledger.domain import lifecycles, soundness
from services.credit_ledger.domain.legs.payouts import PAYOUT_TIMER
from services.credit_ledger.domain.legs.steps import LEG_TIMER
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.leg import LegState
from services.credit_ledger.domain.refunds.posting import FLASH_TIMER
from services.credit_ledger.domain.statements.cut import CUT_TIMER
from services.kernel.lifecycle import READ_BEFORE, Flaw, Wait
from settle.audit.findings import CARD, CREDIT, Finding, Walk
from settle.audit.folds.cards import card_of
from settle.audit.shared_reads import pages_of
from settle.audit.snapshots import World, pages
from settle.audit.states import rows, timers
from settle.audit.states.orders import flaws_told

ACCOUNTS = "states.accounts"
CARDS = "states.cards"
_CARDS = """
select id, customer_id, face_minor, balance_minor, issued_at, held_minor, standing, claimed_by, frozen_from, frozen_for,
       handed_to, code_number, issuer
from gift_cards where id = any($1::text[])
"""
_ON_THEIR_WAY = (LegState.PENDING, LegState.SENT, LegState.UNKNOWN, LegState.ACCEPTED, LegState.WAITING)


async def accounts(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of these accounts and of all that is theirs contradicts its state, and what is wrong with its timers."""
    now = await timers.present(world, CREDIT)
    found = [rows.account_of(row) for row in await world[CREDIT].fetch(rows.ACCOUNTS, ids)]
    owing: dict[str, str] = {}
    told = [finding async for finding in _agreements(world, ids, {account.id: account for account in found}, owing)]
    told += [finding async for finding in _legs(world, ids, now)]
    told += [finding async for finding in _refunds(world, ids, now)]
    told += [finding async for finding in _payouts(world, ids, now)]
    for account in found:
        flaws = soundness.of_account(account, owing.get(account.id, ""), now.at + READ_BEFORE)
        told += flaws_told(ACCOUNTS, CREDIT, f"credit_accounts {account.id}", flaws)
    waits = [wait for account in found for wait in lifecycles.ACCOUNT.waits(account)]
    there = await timers.found(world, CREDIT, [(CUT_TIMER, account.id) for account in found])
    return [*told, *timers.compared(ACCOUNTS, CREDIT, waits, there, now)]


async def _agreements(
    world: World, ids: Sequence[str], accounts: dict[str, CreditAccount], owing: dict[str, str]
) -> AsyncIterator[Finding]:
    """Those of these accounts; notes in `owing` of each account an order that is to be billed or paid still."""
    async for page in pages_of(world, CREDIT, rows.AGREEMENTS, ids):
        for row in page:
            agreement = rows.agreement_of(row)
            flaws = [*lifecycles.AGREEMENT.all_flaws(agreement, agreement.version)]
            flaws += soundness.of_instalments(accounts[agreement.account_id], agreement)
            if agreement.open:
                owing[agreement.account_id] = agreement.order_id
            if row["open"] is not agreement.open:
                flaws.append(Flaw("open", f"{agreement.open} by its instalments", row["open"]))
            for finding in flaws_told(ACCOUNTS, CREDIT, f"agreements {agreement.order_id}", flaws):
                yield finding


async def _legs(world: World, ids: Sequence[str], now: timers.Present) -> AsyncIterator[Finding]:
    """Those of these accounts. Of one whose rail's word was not kept yet, only that it is woken while it is on its
    way."""
    async for page in pages_of(world, CREDIT, rows.LEGS, ids):
        old = [row["id"] for row in page if not row["word"] and row["state"] in _ON_THEIR_WAY]
        legs = [rows.leg_of(row) for row in page if row["word"]]
        for leg in legs:
            flaws = lifecycles.LEG.all_flaws(leg, leg.version)
            for finding in flaws_told(ACCOUNTS, CREDIT, f"legs {leg.id}", flaws, leg.since):
                yield finding
        there = await timers.found(world, CREDIT, [(LEG_TIMER, key) for key in (*old, *(leg.id for leg in legs))])
        for key in old:
            if there.pop((LEG_TIMER, key), None) is None:
                yield Finding(ACCOUNTS, CREDIT, f"timer {LEG_TIMER} of {key}", "one", "none", cause=timers.MISSING)
        waits = [wait for leg in legs for wait in lifecycles.LEG.waits(leg)]
        for finding in timers.compared(ACCOUNTS, CREDIT, waits, there, now):
            yield finding


async def _refunds(world: World, ids: Sequence[str], now: timers.Present) -> AsyncIterator[Finding]:
    async for page in pages(world[CREDIT], rows.REFUNDS, ids):
        refunds = [rows.refund_of(row) for row in page]
        waits: list[Wait] = []
        for refund in refunds:
            waits += lifecycles.CREDIT_REFUND.waits(refund)
            flaws = lifecycles.CREDIT_REFUND.all_flaws(refund, refund.version)
            for finding in flaws_told(ACCOUNTS, CREDIT, f"credit_refunds {refund.id}", flaws, refund.accepted_at):
                yield finding
        there = await timers.found(world, CREDIT, [(FLASH_TIMER, refund.id) for refund in refunds])
        for finding in timers.compared(ACCOUNTS, CREDIT, waits, there, now):
            yield finding


async def _payouts(world: World, ids: Sequence[str], now: timers.Present) -> AsyncIterator[Finding]:
    async for page in pages_of(world, CREDIT, rows.PAYOUTS, ids):
        payouts = [rows.payout_of(row) for row in page]
        for payout in payouts:
            flaws = lifecycles.PAYOUT.all_flaws(payout, payout.version)
            for finding in flaws_told(ACCOUNTS, CREDIT, f"payouts {payout.id}", flaws, payout.requested_at):
                yield finding
        waits = [wait for payout in payouts for wait in lifecycles.PAYOUT.waits(payout)]
        there = await timers.found(world, CREDIT, [(PAYOUT_TIMER, payout.id) for payout in payouts])
        for finding in timers.compared(ACCOUNTS, CREDIT, waits, there, now):
            yield finding


async def cards(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of these gift cards contradicts what a card can be worth."""
    found = [card_of(row) for row in await world[CARD].fetch(_CARDS, ids)]
    return [
        finding for card in found for finding in flaws_told(CARDS, CARD, f"gift_cards {card.id}", GIFT_CARD.flaws(card))
    ]


WALKS = (
    Walk(
        ACCOUNTS, "accounts, agreements, instalments, legs, payouts, refunds are as their fields allow, and are woken",
        CREDIT, "account", accounts,
    ),
    Walk(
        CARDS, "a card is worth at most its face, holds at most that, and stands as its fields say", CARD, "card", cards
    ),
)
