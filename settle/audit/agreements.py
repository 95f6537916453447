"""Agreements and instalments: what the plans say is owed is what the limits, the loans and the deposits say (DOMAIN 3.4)."""

from settle.audit.findings import CREDIT, Check

BESIDE = """
create temporary table audit_agreements (
    order_id text primary key, account_id text not null, state text not null,
    unbilled_minor bigint not null, billed_minor bigint not null, fee_minor bigint not null, late_minor bigint not null,
    planned_minor bigint not null, principal_minor bigint not null, unsound bigint not null,
    held_minor bigint not null, deposit_minor bigint not null, captured_minor bigint not null
)"""
ROLL_UP = """
insert into audit_agreements
select a.order_id, a.account_id, a.state,
       coalesce(i.unbilled, 0), coalesce(i.billed, 0), coalesce(i.fee, 0), coalesce(i.late, 0),
       coalesce(i.planned, 0), coalesce(i.principal, 0), coalesce(i.unsound, 0), h.held, h.deposit, h.captured
from agreements a cross join lateral (select a.plans::jsonb plans, a.hold::jsonb hold offset 0) d
left join lateral (
    select sum(p.outstanding) filter (where not p.billed) unbilled, sum(p.outstanding) filter (where p.billed) billed,
           sum(p.fee - p.fee_paid) filter (where p.billed) fee, sum(p.late) late, sum(p.principal) principal,
           (select sum((plan ->> 'principal_minor')::bigint) from jsonb_array_elements(d.plans) plan) planned,
           count(*) filter (where p.outstanding < 0 or least(p.principal, p.paid, p.refunded, p.written_off, p.fee_paid, p.late) < 0
                            or p.fee_paid > p.fee or p.fee > p.fee_initial
                            or not p.billed and (p.fee_paid > 0 or p.late > 0)) unsound
    from (
        select (x.i ->> 3)::bigint principal, (x.i ->> 4)::bigint fee_initial, (x.i ->> 5)::bigint fee, (x.i ->> 6)::bigint paid,
               (x.i ->> 7)::bigint refunded, (x.i ->> 8)::bigint written_off, (x.i ->> 9)::bigint fee_paid,
               (x.i ->> 10)::bigint late, (x.i ->> 12)::boolean billed,
               (x.i ->> 3)::bigint - (x.i ->> 6)::bigint - (x.i ->> 7)::bigint - (x.i ->> 8)::bigint outstanding
        from jsonb_array_elements(d.plans) plan, jsonb_array_elements(plan -> 'instalments') x (i)
        offset 0
    ) p
) i on true
cross join lateral (
    select (d.hold -> 'authorized' ->> 0)::bigint - (d.hold -> 'captured' ->> 0)::bigint
               - (d.hold -> 'released' ->> 0)::bigint held,
           (d.hold -> 'authorized' ->> 1)::bigint + (d.hold -> 'authorized' ->> 2)::bigint
               - (d.hold -> 'captured' ->> 1)::bigint - (d.hold -> 'captured' ->> 2)::bigint
               - (d.hold -> 'released' ->> 1)::bigint - (d.hold -> 'released' ->> 2)::bigint deposit,
           (d.hold -> 'captured' ->> 0)::bigint captured
) h
"""
"""The lists of an agreement are read once, as jsonb; all checks below read the sums. `offset 0` keeps PostgreSQL from
working an expression out again at each of its uses: a third of the time at a million agreements."""

CHECKS = (
    Check(
        "agreements.debt", "used limit = unpaid principal = unbilled + billed loan; fees and late fees are what is due", (CREDIT,),
        """select a.id || ' ' || v.name, v.owed::text, v.booked::text
           from credit_accounts a
           left join (
               select account_id, sum(unbilled_minor) unbilled, sum(billed_minor) billed, sum(fee_minor) fee,
                      sum(late_minor) late, sum(held_minor) held
               from audit_agreements group by account_id
           ) o on o.account_id = a.id
           left join (
               select sub, sum(amount_minor) filter (where account = 'A.LOAN.P.UNBILLED') unbilled,
                      sum(amount_minor) filter (where account = 'A.LOAN.P.BILLED') billed,
                      sum(amount_minor) filter (where account = 'A.LOAN.FEE') fee,
                      sum(amount_minor) filter (where account = 'A.LOAN.LATE') late
               from audit_balances group by sub
           ) b on b.sub = a.id
           cross join lateral (values
               ('used', coalesce(o.unbilled, 0) + coalesce(o.billed, 0), a.used_minor),
               ('held', coalesce(o.held, 0), a.held_minor),
               ('A.LOAN.P.UNBILLED', coalesce(o.unbilled, 0), coalesce(b.unbilled, 0)),
               ('A.LOAN.P.BILLED', coalesce(o.billed, 0), coalesce(b.billed, 0)),
               ('A.LOAN.FEE', coalesce(o.fee, 0), coalesce(b.fee, 0)),
               ('A.LOAN.LATE', coalesce(o.late, 0), coalesce(b.late, 0))
           ) v (name, owed, booked)
           where v.owed <> v.booked""",
    ),
    Check(
        "agreements.deposits", "what is taken of wallet and bank card and not yet shipped is the order's deposit", (CREDIT,),
        """select coalesce(a.order_id, b.sub), coalesce(a.deposit_minor, 0)::text, (-coalesce(b.amount_minor, 0))::text
           from audit_agreements a
           full join (select sub, amount_minor from audit_balances where account = 'L.DEPOSIT') b on b.sub = a.order_id
           where coalesce(a.deposit_minor, 0) <> -coalesce(b.amount_minor, 0)""",
    ),
    Check(
        "agreements.instalments", "principal = paid + refunded + written off + outstanding, each of them at least 0", (CREDIT,),
        "select order_id, 'sound instalments', unsound || ' unsound' from audit_agreements where unsound > 0",
    ),
    Check(
        "agreements.plans", "the instalments of a plan add up to it, the plans to what was captured", (CREDIT,),
        """select order_id, captured_minor::text, planned_minor || ' planned, ' || principal_minor || ' in instalments'
           from audit_agreements where planned_minor <> principal_minor or planned_minor <> captured_minor""",
    ),
    Check(
        "agreements.refunds", "per tender: refunded <= captured, captured + released <= authorized, nothing negative", (CREDIT,),
        """select order_id || ' ' || tender, 'refunded <= captured <= authorized - released',
                  concat_ws(' ', refunded_minor, captured_minor, authorized_minor, released_minor)
           from holds
           where refunded_minor > captured_minor or captured_minor + released_minor > authorized_minor
              or least(refunded_minor, captured_minor, released_minor, authorized_minor) < 0""",
    ),
    Check(
        "agreements.ended", "a revoked, settled or paid-off agreement owes and holds nothing (CR-9)", (CREDIT,),
        """select order_id || ' ' || state, '0', (unbilled_minor + billed_minor) || ' owed, ' || held_minor || ' held'
           from audit_agreements
           where state in ('REVOKED', 'SETTLED_EARLY', 'PAID_OFF') and (unbilled_minor + billed_minor > 0)
              or state = 'REVOKED' and held_minor + deposit_minor > 0""",
    ),
)
