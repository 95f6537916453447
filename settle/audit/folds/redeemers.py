"""Who redeems: what is counted for a customer is what his redemptions came to (RD-23, RD-25, A17).

A notice that is not acknowledged may not have been counted yet. The day of a paid cancellation is that of its TRY,
which lies between the request and the end of it: where midnight came between, either day will do.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption.order import Payout, RedemptionOrder
from services.card_redemption.domain.redemption.redeemer import NEVER
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState
from services.kernel.calendar import business_date
from settle.audit.findings import CARD, Check, Finding, Walk
from settle.audit.folds.differences import readable
from settle.audit.folds.redemption_rows import ROWS, order_of
from settle.audit.snapshots import World

COUNTED = "redeemers.counted"
_S = RedemptionState
_PAYOUT_STATE = Payout._fields.index("state")
_REDEEMERS = """
select id, completed, cancelled_day, cancelled_minor, restricted, cases, pending_saga_id from redeemers
where id = any($1::text[])
"""
_ORDERS = f"{ROWS} where customer_id = any($1::text[]) order by id"
_UNDER_WAY = "select id from notices where root = any($1::text[])"
_LIFTED = """
select id, redemption_id from disputes
where customer_id = any($1::text[]) and state = 'EXECUTED' and remedy = 'LIFTING'
"""
_CASES = msgspec.json.Decoder(tuple[str, ...])
_CAUSE = "the row was changed past the engine, or a notice was lost or counted twice"


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What is counted for these customers and their redemptions do not say."""
    orders: dict[str, list[RedemptionOrder]] = defaultdict(list)
    for row in await world[CARD].fetch(_ORDERS, ids):
        order = order_of(row)
        orders[order.customer_id].append(order)
    cards = sorted({order.card_id for each in orders.values() for order in each})
    waiting = {row["id"] for row in await world[CARD].fetch(_UNDER_WAY, cards)}
    lifted = {row["redemption_id"]: f"{row['id']}/lift" in waiting for row in await world[CARD].fetch(_LIFTED, ids)}
    return [
        Finding(COUNTED, CARD, f"redeemers {row['id']} {name}", expected, str(actual), cause=_CAUSE)
        for row in await world[CARD].fetch(_REDEEMERS, ids)
        for name, expected, actual in (
            *_completed(orders[row["id"]], row["completed"], waiting),
            *_restricted(orders[row["id"]], row, waiting, lifted),
            *_cancelled(orders[row["id"]], row),
        )
    ]


Odd = Iterator[tuple[str, str, object]]


def _completed(orders: Sequence[RedemptionOrder], counted: int, waiting: set[str]) -> Odd:
    """Each counts once; of those whose fault was reversed not every one had been complete, or is known to have been."""
    complete = [order for order in orders if order.state is _S.COMPLETED or _was_complete(order)]
    told = [order for order in complete if f"{order.id}/completed" not in waiting]
    most = sum(order.state in (_S.COMPLETED, _S.FAULT_REVERSED) for order in orders)
    if not len(told) <= counted <= most:
        yield "completed", f"{len(told)} to {most}", counted


def _was_complete(order: RedemptionOrder) -> bool:
    """Whether a redemption whose fault was reversed had certainly been complete: a wallet has its payout at once, and
    with the last of them it is, unless an operator leads it or it was frozen then."""
    states = {payout.state for payout in order.payouts}
    return (
        order.state is _S.FAULT_REVERSED and order.method is PayoutMethod.JD_BALANCE and order.fraud is None
        and not order.terms.by_hand and PayoutState.PAID in states
        and states <= {PayoutState.PAID, PayoutState.STOPPED}
    )


def _restricted(
    orders: Sequence[RedemptionOrder], row: asyncpg.Record, waiting: set[str], lifted: Mapping[str, bool]
) -> Odd:
    """For each spent card that he gave in, until a case lifts it; `lifted` says whether he still waits to hear that."""
    spent = {order.id: order for order in orders if order.state is _S.FAILED_CONSUMED}
    cases, reasons = _cases_of(row["cases"]), {f"{order.id}: {order.reason}" for order in spent.values()}
    must = {key for key in spent if f"{key}/failed_consumed" not in waiting and key not in lifted}
    may = {key for key in spent if lifted.get(key, True)}
    if cases is None or not must <= set(cases) <= may or len(set(cases)) < len(cases):
        yield "cases", f"{readable(tuple(sorted(must)))} to {readable(tuple(sorted(may)))}", row["cases"]
    elif row["restricted"] not in (reasons if cases else {""}):
        yield "restricted", " or ".join(sorted(reasons)) if cases else "nothing", row["restricted"]


def _cases_of(text: str) -> tuple[str, ...] | None:
    """The cases in a column; None where the engine never wrote it so."""
    try:
        return _CASES.decode(text)
    except msgspec.MsgspecError:
        return None


def _cancelled(orders: Sequence[RedemptionOrder], row: asyncpg.Record) -> Odd:
    """The faces of the last day on which he cancelled for a fee under a cap."""
    days = [
        (business_date(order.cancel_requested_at or order.updated_at), business_date(order.updated_at),
         order.face_minor)
        for order in orders
        if order.state is _S.CANCELLED and order.terms.limits.cancelled_daily_minor is not None
    ]
    day = max((last for _, last, _ in days), default=NEVER.day)
    earliest = max((first for first, _, _ in days), default=NEVER.day)
    if not earliest <= row["cancelled_day"] <= day and row["pending_saga_id"] is None:
        yield "cancelled_day", f"{earliest} to {day}", row["cancelled_day"]
    at = row["cancelled_day"]
    least = sum(face for first, last, face in days if first == last == at)
    most = sum(face for first, last, face in days if first <= at <= last)
    if not least <= row["cancelled_minor"] <= most and row["pending_saga_id"] is None:
        yield "cancelled_minor", f"{least} to {most}", row["cancelled_minor"]


WALKS = (
    Walk(COUNTED, "what is counted for a customer is what his redemptions came to", CARD, "redeemer", differing),
)
_WAS_COMPLETE = f"""
o.state = '{_S.FAULT_REVERSED}' and o.method = '{PayoutMethod.JD_BALANCE}' and o.fraud is null
and not (o.terms ->> 'by_hand')::boolean
and (select bool_or(state = '{PayoutState.PAID}')
            and bool_and(state in ('{PayoutState.PAID}', '{PayoutState.STOPPED}'))
     from (select p ->> {_PAYOUT_STATE} state from json_array_elements(o.payouts) p) payouts)
"""
"""`_was_complete`, in SQL."""
_NOTICE = f"case o.state when '{_S.FAULT_REVERSED}' then '/completed' else '/' || lower(o.state) end"
"""How the name of the notice ends that tells the customer's root of the redemption."""
CHECKS = (
    Check(
        "redeemers.known", "who completed a redemption, cancelled one under a cap, or gave in a spent card, is counted",
        (CARD,),
        f"""select 'redeemers ' || o.customer_id, 'a row, for ' || min(o.id), 'none'
           from redemption_orders o
           left join notices n on n.id = o.id || {_NOTICE}
           where (o.state in ('COMPLETED', 'FAILED_CONSUMED') or {_WAS_COMPLETE}
                  or o.state = 'CANCELLED' and o.terms -> 'limits' ->> 'cancelled_daily_minor' is not null)
             and n.id is null
             and not exists (select from redeemers r where r.id = o.customer_id)
           group by o.customer_id""",
        "the row was deleted past the engine: what is counted of him would begin anew",
    ),
    Check(
        "redeemers.claims", "no customer's root is claimed by a settlement that has ended", (CARD,),
        """select 'redeemers ' || r.id, 'free', 'claimed by ' || r.pending_saga_id
           from redeemers r join saga_records s on s.id = r.pending_saga_id where s.phase in ('DONE', 'ABORTED')
           union all
           select 'redeemers ' || id, 'a settlement and its instant, or neither',
                  concat_ws(' ', pending_saga_id, pending_tried_at)
           from redeemers where (pending_saga_id is null) <> (pending_tried_at is null)""",
        cause="the claim was written by hand, or the end of its settlement was lost: nobody else can take it",
    ),
    Check(
        "redeemers.told", "what a customer's root was told of a redemption or a case has its answer, so that a repeat"
        " counts nothing", (CARD,),
        f"""select 'answer ' || told.id, 'of the notice that was told', 'none'
           from (select o.id || {_NOTICE} id, o.accepted_at at from redemption_orders o
                 where o.state in ('COMPLETED', 'FAILED_CONSUMED') or {_WAS_COMPLETE}
                 union all select id || '/lift', opened_at from disputes
                 where state = 'EXECUTED' and remedy = 'LIFTING') told
           where at >= coalesce((select value::timestamptz from runtime_facts
                                 where name = 'pruned_answers_of_requests'), '-infinity')
             and not exists (select from inbox i where i.message_id = told.id)
             and not exists (select from notices n where n.id = told.id)""",
        cause="the answer to a notice was deleted: sent again, it would be counted again",
    ),
    Check(
        "redemptions.rooted", "every code, redemption, freeze case and dispute is of a card that is there, and every"
        " settlement of a redemption is of its card", (CARD,),
        """select what, 'a card that is there', card_id
           from (select 'card_codes ' || blind_index, card_id from card_codes
                 union all select 'redemption_orders ' || id, card_id from redemption_orders
                 union all select 'freeze_cases ' || id, card_id from freeze_cases
                 union all select 'disputes ' || id, card_id from disputes
                 union all select 'sagas ' || id, root from sagas
                 union all select 'saga_digests ' || id, root from saga_digests) each (what, card_id)
           where not exists (select from gift_cards g where g.id = each.card_id)""",
        "the row was changed past the engine, or its card was deleted",
    ),
)
