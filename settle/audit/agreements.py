"""Agreements and instalments: what the plans say is owed is what limits, loans and deposits say (DOMAIN 3.4)."""

from settle.audit.findings import CREDIT, Check

BESIDE = """
create temporary table audit_agreements (
    order_id text, account_id text, state text, unbilled_minor numeric, billed_minor numeric,
    fee_minor numeric, late_minor numeric, planned_minor numeric, principal_minor numeric, unsound bigint,
    held_minor numeric, deposit_minor numeric, captured_minor numeric, unsound_tenders bigint
)"""
_UNSOUND_TENDER = """refunded_minor > captured_minor or captured_minor::numeric + released_minor > authorized_minor
              or least(refunded_minor, captured_minor, released_minor, authorized_minor) < 0"""
ROLL_UP = f"""
insert into audit_agreements (order_id, account_id, state, unbilled_minor, billed_minor, fee_minor, late_minor,
                              planned_minor, principal_minor, unsound, held_minor, deposit_minor, captured_minor,
                              unsound_tenders)
select a.order_id, a.account_id, a.state, coalesce(i.unbilled, 0), coalesce(i.billed, 0), coalesce(i.fee, 0),
       coalesce(i.late, 0), coalesce(p.planned, 0), coalesce(i.principal, 0), coalesce(i.unsound, 0),
       h.held, h.deposit, h.captured, h.unsound
from agreements a
left join (
    select order_id, sum(outstanding_minor) filter (where not billed) unbilled,
           sum(outstanding_minor) filter (where billed) billed,
           sum(fee_minor::numeric - fee_paid_minor) filter (where billed) fee,
           sum(late_minor) late, sum(principal_minor) principal,
           count(*) filter (where least(outstanding_minor, principal_minor, paid_minor, refunded_minor,
                                        written_off_minor, fee_paid_minor, late_minor) < 0
                            or fee_paid_minor > fee_minor or fee_minor > fee_initial_minor
                            or not billed and (fee_paid_minor > 0 or late_minor > 0)) unsound
    from instalments group by order_id
) i on i.order_id = a.order_id
left join (select order_id, sum(principal_minor) planned from agreement_plans group by order_id) p
    on p.order_id = a.order_id
cross join lateral (select a.hold::jsonb hold, a.refunded::jsonb refunded offset 0) stored
cross join lateral (
    select sum(authorized_minor::numeric - captured_minor - released_minor) filter (where at = 0) held,
           sum(authorized_minor::numeric - captured_minor - released_minor) filter (where at in (1, 2)) deposit,
           sum(captured_minor) filter (where at = 0) captured, count(*) filter (where {_UNSOUND_TENDER}) unsound
    from (
        select at, (stored.hold -> 'authorized' ->> at)::bigint authorized_minor,
               (stored.hold -> 'captured' ->> at)::bigint captured_minor,
               (stored.hold -> 'released' ->> at)::bigint released_minor,
               (stored.refunded ->> at)::bigint refunded_minor
        from generate_series(0, 3) at offset 0
    ) tender
) h
"""
"""The lists of an agreement are read once; all checks below read the sums. Its tenders are summed row by row, as the
view `holds` has them (credit, wallet, bank card, coupon): grouped by order they were sorted and joined first."""

CHECKS = (
    Check(
        "agreements.debt", "used limit = unpaid principal = unbilled + billed loan; fees and late fees are what is due",
        (CREDIT,),
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
        "agreements.deposits", "what is taken of wallet and bank card and not yet shipped is the order's deposit",
        (CREDIT,),
        """select coalesce(a.order_id, b.sub), coalesce(a.deposit_minor, 0)::text, (-coalesce(b.amount_minor, 0))::text
           from audit_agreements a
           full join (select sub, amount_minor from audit_balances where account = 'L.DEPOSIT') b on b.sub = a.order_id
           where coalesce(a.deposit_minor, 0) <> -coalesce(b.amount_minor, 0)""",
    ),
    Check(
        "agreements.instalments", "principal = paid + refunded + written off + outstanding, each of them at least 0",
        (CREDIT,),
        "select order_id, 'sound instalments', unsound || ' unsound' from audit_agreements where unsound > 0",
    ),
    Check(
        "agreements.plans", "the instalments of a plan add up to it, the plans to what was captured", (CREDIT,),
        """select order_id, captured_minor::text, planned_minor || ' planned, ' || principal_minor || ' in instalments'
           from audit_agreements where planned_minor <> principal_minor or planned_minor <> captured_minor""",
    ),
    Check(
        "agreements.refunds", "per tender: refunded <= captured, captured + released <= authorized, nothing negative",
        (CREDIT,),
        f"""select order_id || ' ' || tender, 'refunded <= captured <= authorized - released',
                  concat_ws(' ', refunded_minor, captured_minor, authorized_minor, released_minor)
           from holds
           where order_id in (select order_id from audit_agreements where unsound_tenders > 0)
              and ({_UNSOUND_TENDER})""",
    ),
    Check(
        "agreements.ended", "a revoked, settled or paid-off agreement owes and holds nothing (CR-9)", (CREDIT,),
        """select order_id || ' ' || state, '0', (unbilled_minor + billed_minor) || ' owed, ' || held_minor || ' held'
           from audit_agreements
           where state in ('REVOKED', 'SETTLED_EARLY', 'PAID_OFF') and (unbilled_minor + billed_minor > 0)
              or state = 'REVOKED' and held_minor + deposit_minor > 0""",
    ),
)
