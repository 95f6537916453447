"""Those who look after accounts and merchants: repayments, limits, late fees, settlements."""

from typing import TYPE_CHECKING

from services.card_redemption.domain.commands import IssueCard
from services.card_redemption.domain.merchants.share import MerchantShare as CardShare
from services.credit_ledger.domain.model import commands as credit
from services.credit_ledger.domain.model.merchant_share import MerchantShare as CreditShare
from services.credit_ledger.domain.model.terms import SurplusPolicy
from services.kernel.shares import first_share
from services.order.domain.merchant_settlement import SettleGiftCardShare, settlement_key
from settle.simulation.agenda import SECOND, Steps
from settle.simulation.people.accounts import account_of
from settle.simulation.people.codes import code_of

if TYPE_CHECKING:
    from settle.simulation.world import World

FUNDED, LIMIT, FACE = 1_000_000, 2_000_000, 100_000
BILLED_SOON, BILLED_LATE = 5, 20
"""Bill days: the cut that falls into the beginning of every world, and one that does not."""


def opening(world: "World", number: int) -> Steps:
    """An account with a limit, money in the wallet, and its gift cards."""
    track, swarm = world.tape.track(f"account {number}"), world.swarm
    account, customer = account_of(swarm, number), f"cus_{number}"
    yield from world.desk.ask("credit_ledger", account, credit.OpenAccount(
        account, customer, LIMIT, bill_day=BILLED_SOON if swarm.at_a_cut else BILLED_LATE,
        surplus_policy=track.pick((SurplusPolicy.KEEP, SurplusPolicy.LIFO)),
    ))
    yield from world.desk.ask("credit_ledger", account, credit.FundWallet(account, FUNDED))
    for card in range(swarm.cards):
        key = f"crd_{number}_{card}"
        yield from world.desk.ask(
            "card_redemption", key,
            IssueCard(key, customer, FACE if track.below(4) != 3 else 2_000, code=code_of(key)),
        )


def account_story(world: "World", number: int) -> Steps:
    """What else happens to an account meanwhile."""
    track, account = world.tape.track(f"account {number}"), account_of(world.swarm, number)
    for _ in range(track.below(6)):
        yield track.below(world.swarm.spread + 10 * SECOND)
        body = track.pick((
            credit.Repay(account, 1 + track.below(3_000)), credit.Repay(account, 1 + track.below(300), "CARD"),
            credit.GrantLimit(account, LIMIT + track.below(1_000)), credit.PayOutCreditBalance(account, 100),
            credit.WaiveLateFees(account, "goodwill"), credit.FundWallet(account, 1_000),
        ))
        yield from world.desk.ask("credit_ledger", account, body)


def merchant_story(world: "World", number: int) -> Steps:
    """Finance pays a merchant what the books owe it, now and then."""
    track, merchant = world.tape.track(f"merchant {number}"), f"mer_{number}"
    for _ in range(track.below(4)):
        yield track.below(world.swarm.spread + 20 * SECOND)
        gift = sum(share.payable_minor for share in _shares(world, "card_redemption", CardShare, merchant))
        owed = sum(share.payable_minor for share in _shares(world, "credit_ledger", CreditShare, merchant))
        if gift > 0 and track.below(2):
            request_id = f"gift-{merchant}-{world.agenda.now}"
            key = settlement_key(merchant, request_id)
            yield from world.desk.ask("order", key, SettleGiftCardShare(merchant, 1 + track.below(gift)), request_id)
        elif owed > 0:
            body = credit.SettleMerchant(merchant, 1 + track.below(owed))
            yield from world.desk.ask("credit_ledger", first_share(merchant), body)


def _shares(world: "World", service: str, kind: type, merchant: str) -> list[CardShare | CreditShare]:
    return [share for share in world.stores[service].every(kind) if share.merchant_id == merchant]
