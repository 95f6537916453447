"""What is put beside the books before they are checked: the coordinators' settlements, the orders, and roll-ups."""

from settle.audit import agreements
from settle.audit.findings import CARD, CREDIT, ORDER
from settle.audit.unreadable import shadows

TABLES = """
create temporary table audit_settlements (
    id text, kind text, root text, decision text, two_phase boolean, credit_minor bigint, deposit_minor bigint,
    gift_minor bigint, coupon_minor bigint, started_at timestamptz, ended_at timestamptz,
    merchant_id text, account_id text, card_id text, unended text, posted_at timestamptz
);
create temporary table audit_redemptions (
    id text, kind text, decision text, two_phase boolean, started_at timestamptz, ended_at timestamptz, unended text,
    posted_at timestamptz
);
create temporary table audit_orders (
    id text, state text, tender text, amount_minor bigint, captured_minor bigint, released_minor bigint,
    refunded_minor bigint, whole_minor bigint
);
create temporary table audit_balances (
    unit text not null, account text not null, sub text not null, amount_minor numeric not null
);
"""
"""They take what rows say, also what none should: nothing twice, a tender of no amount. The checks tell. They have no
index: every check reads them whole, and filling indexes took a third of the time of filling them."""

BALANCES = """
insert into audit_balances (unit, account, sub, amount_minor)
    select unit, coalesce(account, '?'), coalesce(sub, '?'), sum(coalesce(amount_minor, 0))
    from entries group by 1, 2, 3
"""
"""A journal of the wrong shape must not stop the audit that reports it, nor any amount: sums are kept as `numeric`, for
those of the company's accounts have no bound."""

OF_BOOK: dict[str, tuple[str, ...]] = {
    ORDER: (shadows(ORDER),),
    CREDIT: (shadows(CREDIT), TABLES, agreements.BESIDE),
    CARD: (shadows(CARD), TABLES),
}
"""What is made in a session before its snapshot is taken: in a book's what its checks read, in all what leaves rows
out."""
ROLL_UPS: dict[str, tuple[str, ...]] = {
    CREDIT: (BALANCES, agreements.ROLL_UP),
    CARD: (BALANCES,),
}
BALANCED = "audit_balances"
ROLLED_UP = {BALANCED: BALANCES, "audit_agreements": agreements.ROLL_UP}
"""What fills each table that is not copied."""
