"""One gift card in memory whose value leaves it for a wallet, and what the credit ledger answers to that."""

from dataclasses import replace

from services.card_redemption.decisions import RULES, TIMERS
from services.card_redemption.domain.cards.card import CardStep, GiftCard
from services.kernel.saga import Reply, Run, Verdict
from tests.in_memory import InMemory
from tests.services.card_redemption.world import CARD, NOW


def world_of(card: GiftCard = CARD) -> InMemory:
    return InMemory(RULES, TIMERS, "card_redemption", now=NOW).given(card)


def answer(world: InMemory, verdict: Verdict = Verdict.DONE) -> Run:
    """The credit ledger answers the command that was sent last."""
    saga = world.sent[-1].saga
    assert saga is not None
    moved = world.sent[-1].body.plan.vector if verdict is Verdict.DONE else ()  # type: ignore[attr-defined]
    reason = "" if verdict is Verdict.DONE else "ACCOUNT_NOT_FOUND"
    world.reply(CARD.id, Reply(saga.saga_id, saga.branch, saga.op, verdict, reason, moved))
    return world.row(Run, saga.saga_id)


def card_in(world: InMemory) -> GiftCard:
    return world.row(GiftCard, CARD.id)


def turned(world: InMemory, step: CardStep) -> None:
    """What its redemption did to the card, which is told elsewhere."""
    world.given(replace(step.card, sequence=card_in(world).sequence))
