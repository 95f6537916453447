"""The settlements of redemptions and the redemptions themselves say the same: whose, how much, who waits (OP-5)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.plans import (
    CancelPlan,
    ClaimPlan,
    Kind,
    PayoutPlan,
    Plan,
    RemittancePlan,
    StopPlan,
    SubmissionPlan,
    VoucherPlan,
)
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState
from services.kernel.ids import money_account
from services.kernel.saga import Phase
from settle.audit.findings import CARD, Finding, Walk, instant
from settle.audit.folds.redemption_rows import OF_CARDS, order_of
from settle.audit.shared_reads import rows
from settle.audit.snapshots import World

REDEMPTIONS = "joins.redemptions"
_SAGAS = """
select id, root, kind, phase, plan, started_at from saga_records
where root = any($1::text[]) and kind = any($2::text[]) order by root, started_at, id
"""
_DECODERS: Mapping[str, Any] = {  # Any: decoders of different types
    kind: msgspec.json.Decoder(plan) for kind, plan in {
        Kind.SUBMISSION: SubmissionPlan, Kind.PAID_CANCEL: CancelPlan, Kind.PAYOUT: PayoutPlan,
        Kind.STOP_PAYOUT: StopPlan, Kind.CLAIM: ClaimPlan, Kind.VOUCHER_USE: VoucherPlan,
        Kind.REMITTANCE: RemittancePlan,
    }.items()
}


class Settled(NamedTuple):
    """A settlement of a redemption: its plan, and how far it is."""

    id: str
    plan: Plan
    phase: str

    @property
    def over(self) -> bool:
        """Whether nothing waits for it any more."""
        return self.phase in (Phase.DONE, Phase.ABORTED)


async def joined(world: World, ids: Sequence[str]) -> list[Finding]:
    """Where the settlements of these cards' redemptions are not what the redemptions are."""
    orders = {order.id: order for order in map(order_of, await rows(world, CARD, OF_CARDS, ids))}
    runs: dict[str, list[Settled]] = defaultdict(list)
    found: list[Finding] = []
    for row in await world[CARD].fetch(_SAGAS, ids, list(_DECODERS)):
        plan, flaw = _plan(row, orders)
        if plan is None:
            found.append(_finding(f"sagas {row['id']}", "a plan of a redemption of its card", flaw, row))
        else:
            runs[plan.party.redemption_id].append(Settled(row["id"], plan, row["phase"]))
    return [
        *found, *(
            _finding(f"{what} of {order.id}", expected, actual)
            for order in orders.values() for what, expected, actual in _odd(order, runs[order.id])
        ),
    ]


def _plan(row: asyncpg.Record, orders: Mapping[str, RedemptionOrder]) -> tuple[Plan | None, str]:
    try:
        plan: Plan = _DECODERS[row["kind"]].decode(row["plan"])
    except (msgspec.MsgspecError, ValueError) as error:
        return None, str(error)
    party, order = plan.party, orders.get(plan.party.redemption_id)
    whose = (order.card_id, order.customer_id) if order is not None else None
    theirs = whose == (party.card_id, party.customer_id) and party.card_id == row["root"]
    if order is None or not theirs or not _on_its_account(order, plan, row["phase"]):
        return None, f"one of {party.redemption_id}, {party.card_id}, {party.customer_id}, {party.account_id}"
    return plan, ""


def _on_its_account(order: RedemptionOrder, plan: Plan, phase: str) -> bool:
    """Whether it names the account of the redemption. What came to nothing, moves none of the account's money, or was
    before the redemption went from it to its customer's money account, may name another: that happens only once no
    payout that was taken on there stands (PM-3)."""
    if plan.party.account_id == order.account_id:
        return True
    before = phase == Phase.ABORTED or isinstance(plan, SubmissionPlan | RemittancePlan | StopPlan | ClaimPlan)
    return (before or _is_stopped(order, plan)) and order.account_id == money_account(order.customer_id)


def _is_stopped(order: RedemptionOrder, plan: Plan) -> bool:
    payout = order.payout_of(plan.payout_id) if isinstance(plan, PayoutPlan) else None
    return payout is not None and payout.state is PayoutState.STOPPED


Odd = Iterator[tuple[str, object, object]]


def _odd(order: RedemptionOrder, runs: Sequence[Settled]) -> Odd:
    """What of a redemption is other than its settlements say."""
    waits = [run.id for run in runs if not run.over]
    if waits != [order.settlement_id] * bool(order.settlement_id):
        yield "the settlement under way", order.settlement_id or "none", ", ".join(waits) or "none"
    if not any(isinstance(run.plan, SubmissionPlan) for run in runs):
        yield "its submission", "a settlement", "none"
    done = [run for run in runs if run.phase == Phase.DONE]
    for run in done:
        yield from ((f"sagas {run.id} {name}", right, wrong) for name, right, wrong in _of_plan(order, run.plan))
    for name, expected, kind in (
        ("claimed", order.claimed_minor, ClaimPlan), ("remitted", order.remitted_minor, RemittancePlan),
        ("voucher used", _used(order), VoucherPlan),
    ):
        actual = sum(run.plan.amount_minor for run in done if isinstance(run.plan, kind))
        if actual != expected:
            yield f"what was {name} by settlements", expected, actual


def _of_plan(order: RedemptionOrder, plan: Plan) -> Odd:
    """What a settlement that was carried out had to say, as far as the redemption still tells it."""
    said: Sequence[tuple[str, object, object]] = ()
    if isinstance(plan, SubmissionPlan) and order.scheduled_at is None:
        least_minor = order.declared_minor if order.by_recycler else max(order.declared_minor, plan.face_minor)
        said = (("face_minor", least_minor, plan.face_minor),)
    elif isinstance(plan, CancelPlan) and order.state is RedemptionState.CANCELLED:
        cap_minor = order.terms.limits.cancelled_daily_minor
        said = (
            ("fee_minor", order.terms.fee.of(order.face_minor), plan.fee_minor),
            ("capped_minor", 0 if cap_minor is None else order.face_minor, plan.capped_minor),
            ("cap_minor", cap_minor or 0, plan.cap_minor),
        )
    elif isinstance(plan, PayoutPlan):
        payout = order.payout_of(plan.payout_id)
        said = (("amount_minor", payout.amount_minor if payout else "no payout", plan.amount_minor),)
        if not order.terms.by_hand:
            by_wallet = payout is not None and payout.method is plan.method is PayoutMethod.JD_BALANCE
            method = plan.method if by_wallet else order.method
            said = (*said, ("method", method, plan.method), ("instrument", order.instrument, plan.instrument))
    elif isinstance(plan, StopPlan):
        known = order.payout_of(plan.payout_id) is not None
        said = (("payout_id", plan.payout_id if known else "one of its payouts", plan.payout_id),)
    elif isinstance(plan, RemittancePlan):
        said = (("channel", order.terms.channel, plan.channel),)
    elif isinstance(plan, VoucherPlan) and order.voucher is not None:
        said = (("voucher_id", order.voucher.id, plan.voucher_id),)
    yield from ((name, expected, actual) for name, expected, actual in said if expected != actual)


def _used(order: RedemptionOrder) -> int:
    return 0 if order.voucher is None else order.voucher.value_minor - order.voucher.left_minor


def _finding(what: str, expected: object, actual: object, row: asyncpg.Record | None = None) -> Finding:
    return Finding(
        REDEMPTIONS, CARD, what, str(expected), str(actual),
        since=instant(row["started_at"]) if row is not None else "",
        cause="the settlement or the redemption was changed or lost past the engine",
    )


WALKS = (
    Walk(
        REDEMPTIONS, "a redemption and its settlements agree on whose it is, how much, and which is under way", CARD,
        "card", joined,
    ),
)
