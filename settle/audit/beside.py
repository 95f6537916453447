"""What is put beside the books before they are checked: the coordinator's view of settlements and orders, and roll-ups."""

from settle.audit import agreements
from settle.audit.findings import CARD, CREDIT

TABLES = """
create temporary table audit_settlements (
    id text primary key, kind text not null, root text not null, decision text not null, two_phase boolean not null,
    credit_minor bigint not null, deposit_minor bigint not null, gift_minor bigint not null, coupon_minor bigint not null
);
create temporary table audit_orders (
    id text not null, state text not null, tender text not null,
    amount_minor bigint not null, captured_minor bigint not null, released_minor bigint not null, refunded_minor bigint not null,
    primary key (id, tender)
);
create temporary table audit_balances (
    unit text not null, account text not null, sub text not null, amount_minor bigint not null,
    primary key (account, sub, unit)
);
"""

SETTLEMENTS = """
select s.id, s.kind, s.root, s.decision, json_array_length(s.branches) > 1,
       coalesce(sum((share ->> 1)::bigint) filter (where share ->> 0 = 'CREDIT'), 0)::bigint,
       coalesce(sum((share ->> 1)::bigint) filter (where share ->> 0 in ('WALLET', 'BANKCARD')), 0)::bigint,
       coalesce((s.plan ->> 'gift_minor')::bigint,
                sum((share ->> 1)::bigint) filter (where share ->> 0 = 'GIFTCARD'), 0)::bigint,
       coalesce((s.plan -> 'money' ->> 6)::bigint, 0)
from sagas s cross join lateral json_array_elements(s.branches) branch
left join lateral json_array_elements(s.plan -> 'money' -> 5) share on true
where s.phase in ('DONE', 'ABORTED') and branch ->> 0 = $1
group by s.id
"""
"""The settlements that have ended and in which a service ($1) took part, with the money of their plan by book."""

ORDERS = """
select o.id, o.state, t.tender, t.amount, t.captured, t.released, t.refunded
from orders o cross join lateral (
    select tender ->> 0, (tender ->> 1)::bigint, (tender ->> 3)::bigint, (tender ->> 4)::bigint, (tender ->> 5)::bigint
    from json_array_elements(o.tenders) tender
    union all
    select 'COUPON', (o.coupon ->> 0)::bigint, (o.coupon ->> 1)::bigint, (o.coupon ->> 2)::bigint, (o.coupon ->> 3)::bigint
) t (tender, amount, captured, released, refunded)
where (t.tender = 'GIFTCARD') = ($1 = 'card_redemption') and t.amount > 0
"""
"""What the coordinator says of every tender that a service ($1) carries; exact only while nothing is under way."""

BALANCES = """
insert into audit_balances (unit, account, sub, amount_minor)
    select unit, coalesce(account, '?'), coalesce(sub, '?'), sum(coalesce(amount_minor, 0)) from entries group by 1, 2, 3
"""
"""A journal of the wrong shape must not stop the audit that reports it."""

OF_BOOK: dict[str, tuple[str, ...]] = {
    CREDIT: (TABLES, agreements.BESIDE),
    CARD: (TABLES,),
}
ROLL_UPS: dict[str, tuple[str, ...]] = {
    CREDIT: (BALANCES, agreements.ROLL_UP),
    CARD: (BALANCES,),
}
