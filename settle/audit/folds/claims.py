"""What is claimed of gift cards and of merchants' shares is what settlements under way claim of them (BZ-1, OP-3)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from services.kernel.saga import Run
from services.kernel.shares import first_share, share_key
from services.order.domain.merchant_settlement import KIND, MerchantPlan
from services.order.domain.states import Kind
from services.order.domain.tenders import TenderType
from settle.audit.findings import CARD, ORDER, Finding
from settle.audit.folds.stored import SAGAS_BY_ID, Unreadable, run_of
from settle.audit.snapshots import World

CLAIMED = "cards.claimed"
SAYS = "what is claimed of cards and of merchants' shares is what settlements under way claim of them"
_TENDERS = """
select order_id, card_id, merchant_id, pending_saga_id, covering_minor from card_tenders
where pending_saga_id is not null or covering_minor <> 0
"""
_CARDS = "select id, held_minor from gift_cards where held_minor <> 0"
_ON_THEIR_WAY = """
select root, sum((plan ->> 'held_minor')::bigint)::bigint held_minor from sagas
where kind = 'card_close' and phase not in ('DONE', 'ABORTED') group by root
"""
"""What came back to cards that are over, and goes into wallets (PM-3)."""
_SHARES = """
select id, merchant_id, settling_minor, refunding_minor, pending_saga_id from merchant_shares
where settling_minor <> 0 or refunding_minor <> 0 or pending_saga_id is not null
"""
_HOLDING = (Kind.PLACEMENT, Kind.REFUND_REVERSAL)
"""The settlements whose TRY holds value of a card."""


async def claimed(world: World) -> list[Finding]:
    """Compare every claim with the plan of its settlement; one that the coordinator did not know yet when it was read
    is not judged."""
    tenders = await world[CARD].fetch(_TENDERS)
    cards = {row["id"]: row["held_minor"] for row in await world[CARD].fetch(_CARDS)}
    leaving = {row["root"]: row["held_minor"] for row in await world[CARD].fetch(_ON_THEIR_WAY)}
    shares = await world[CARD].fetch(_SHARES)
    pending = {row["pending_saga_id"] for row in (*tenders, *shares) if row["pending_saga_id"]}
    runs = await _runs(world, pending)
    unknown = {row["card_id"] for row in tenders if row["pending_saga_id"] and row["pending_saga_id"] not in runs}
    held, covering = _sums(tenders, runs)
    held.update({card_id: held_minor or 0 for card_id, held_minor in leaving.items()})
    found = [*_of_tenders(tenders, runs), *_of_settlings(shares, runs)]
    for card_id in sorted({*held, *cards} - unknown):
        if held[card_id] != cards.get(card_id, 0):
            found.append(_finding(f"gift_cards {card_id} held_minor", held[card_id], cards.get(card_id, 0)))
    stored = {row["id"]: row["refunding_minor"] for row in shares}
    for share_id in sorted({*covering, *stored}):
        if covering[share_id] != stored.get(share_id, 0):
            what = f"merchant_shares {share_id} refunding_minor"
            found.append(_finding(what, covering[share_id], stored.get(share_id, 0)))
    return found


async def _runs(world: World, saga_ids: set[str]) -> Mapping[str, Run]:
    runs = {}
    for row in await world[ORDER].fetch(SAGAS_BY_ID, sorted(saga_ids)):
        try:
            runs[row["id"]] = run_of(row)
        except Unreadable:
            continue  # the walk over its root tells it
    return runs


def _sums(tenders: Any, runs: Mapping[str, Run]) -> tuple[Counter[str], Counter[str]]:  # Any: asyncpg records, as below
    """What is held by card, and what of the payable is claimed by share."""
    held: Counter[str] = Counter()
    covering: Counter[str] = Counter()
    for row in tenders:
        run = runs.get(row["pending_saga_id"])
        covering[share_key(row["merchant_id"], row["card_id"])] += row["covering_minor"]
        if run is not None and run.kind in _HOLDING:
            held[row["card_id"]] += run.plan.money.of(TenderType.GIFTCARD)
    return held, covering


def _of_tenders(tenders: Any, runs: Mapping[str, Run]) -> Iterator[Finding]:
    """A tender is claimed by a settlement of its order with its card, and covers only for a refund."""
    for row in tenders:
        run = runs.get(row["pending_saga_id"])
        if row["pending_saga_id"] is None:
            yield _finding(f"card_tenders {row['order_id']} covering_minor", 0, row["covering_minor"])
        if run is None or run.kind == KIND:
            continue
        money = run.plan.money
        for name in ("order_id", "card_id", "merchant_id"):
            if getattr(money, name) != row[name]:
                yield _finding(f"card_tenders {row['order_id']} {name}", getattr(money, name), row[name])
        most = money.of(TenderType.GIFTCARD) if run.kind == Kind.REFUND else 0
        if not 0 <= row["covering_minor"] <= most:
            yield _finding(f"card_tenders {row['order_id']} covering_minor", f"at most {most}", row["covering_minor"])


def _of_settlings(shares: Any, runs: Mapping[str, Run]) -> Iterator[Finding]:
    """What a merchant's shares have claimed for a settlement is the amount of the one that claims the first share."""
    claims = {row["merchant_id"]: row["pending_saga_id"] for row in shares if row["pending_saga_id"]}
    settling: Counter[str] = Counter()
    for row in shares:
        settling[row["merchant_id"]] += row["settling_minor"]
        if row["pending_saga_id"] and row["id"] != first_share(row["merchant_id"]):
            yield _finding(f"merchant_shares {row['id']} pending_saga_id", "none", row["pending_saga_id"])
    for merchant_id, amount_minor in settling.items():
        saga_id = claims.get(merchant_id)
        if saga_id is not None and saga_id not in runs:
            continue
        plan = runs[saga_id].plan if saga_id is not None else None
        expected = plan.gift_minor if isinstance(plan, MerchantPlan) else 0
        if expected != amount_minor:
            yield _finding(f"merchant_shares of {merchant_id} settling_minor", expected, amount_minor)


def _finding(what: str, expected: object, actual: object) -> Finding:
    cause = "a claim was kept or lost past its settlement"
    return Finding(CLAIMED, CARD, what, str(expected), str(actual), cause=cause)
