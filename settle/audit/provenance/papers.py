"""Documents of accounts: each repayment, statement and adjustment came of the one operation that names it, and says the
same; every line of a statement is an instalment (SC-2, SD-4, MA-3)."""

from collections.abc import Sequence

from services.credit_ledger.domain.model.operation import PaidOut
from settle.audit.findings import CREDIT, Check, Finding
from settle.audit.provenance.words import finding
from settle.audit.snapshots import World

LINES = "provenance.statement_lines"

_ID, _AMOUNT = PaidOut._fields.index("repayment_id"), PaidOut._fields.index("amount_minor")

CHECKS = (
    Check(
        "provenance.given_back", "what a repayment gave back is what refunds say that they paid out of it (RA-6)",
        (CREDIT,),
        f"""select 'repayment ' || coalesce(r.id, o.id) || ' of ' || coalesce(r.account_id, 'nobody'),
                   coalesce(o.amount_minor, 0)::text, coalesce(r.given_back_minor, 0)::text
            from repayments r
            full join (select entry ->> {_ID} id, sum((entry ->> {_AMOUNT})::bigint) amount_minor
                       from operations, json_array_elements(facts -> 'paid_out') entry
                       where kind in ('RefundTenders', 'ConfirmFlashRefund', 'AdjustRefund') group by 1) o
                on o.id = r.id
            where coalesce(r.given_back_minor, 0) <> coalesce(o.amount_minor, 0)""",
    ),
    Check(
        "provenance.repayments", "every repayment is the operation that names it, and every such operation has its row",
        (CREDIT,),
        """select 'repayment ' || coalesce(r.id || ' of ' || r.account_id, o.reference || ' of ' || o.account_id),
                  coalesce(nullif(concat_ws(' ', o.account_id, o.number, o.body ->> 'amount_minor',
                                            o.body ->> 'instrument', o.at), ''), 'an operation'),
                  coalesce(nullif(concat_ws(' ', r.account_id, r.number, r.amount_minor, r.instrument, r.received_at),
                                  ''), 'none')
           from (select * from operations where kind = 'Repay') o
           full join repayments r on r.id = o.reference
           where (o.account_id, o.number, (o.body ->> 'amount_minor')::bigint, o.body ->> 'instrument', o.at)
                 is distinct from (r.account_id, r.number, r.amount_minor, r.instrument, r.received_at)""",
    ),
    Check(
        "provenance.statements",
        "every statement is the cut that issued it, with the operations since the last; one that a reversal issued has "
        "none",
        (CREDIT,),
        """select 'statement ' || coalesce(s.account_id || '/' || s.bill_date, o.reference),
                  case when o.number is null then 'a cut, or no operations of its own'
                       else concat_ws(' ', o.since || '..' || o.number - 1, o.at) end,
                  coalesce(s.first_operation || '..' || s.last_operation || ' ' || s.cut_at, 'none')
           from (select account_id, number, at, reference,
                        coalesce(lag(number) over (partition by account_id order by number), 0) + 1 since
                 from operations where kind = 'CutStatement') o
           full join statements s on s.account_id || '/' || s.bill_date = o.reference and s.account_id = o.account_id
           where s.account_id is null or o.number is null and s.first_operation <> s.last_operation + 1
              or (s.first_operation, s.last_operation, s.cut_at) <> (o.since, o.number - 1, o.at)""",
    ),
    Check(
        "provenance.statement_sums", "the amount of a statement is the sum of its lines, its offset no more", (CREDIT,),
        """select 'statement ' || s.account_id || '/' || s.bill_date, coalesce(l.amount_minor, 0)::text,
                  s.amount_minor || ', offset ' || s.offset_minor
           from statements s
           left join (select account_id, bill_date, sum(principal_minor + fee_minor + late_minor) amount_minor
                      from statement_lines group by account_id, bill_date) l using (account_id, bill_date)
           where s.amount_minor <> coalesce(l.amount_minor, 0) or s.offset_minor not between 0 and s.amount_minor""",
    ),
    Check(
        "provenance.adjustments", "every adjustment by hand is the operation that names it, with its people and case",
        (CREDIT,),
        """select 'adjustment ' || coalesce(a.id, o.reference),
                  coalesce(nullif(concat_ws(' ', o.account_id, o.order_id, o.body ->> 'maker', o.body ->> 'checker',
                                            o.body ->> 'case_id', o.at), ''), 'an operation'),
                  coalesce(nullif(concat_ws(' ', a.account_id, a.order_id, a.maker, a.checker, a.case_id, a.posted_at),
                                  ''), 'none')
           from (select * from operations where kind in ('PostAdjustment', 'AdjustRefund', 'SettleLeg')) o
           full join (select a.*, coalesce(x.reference, a.refund_id) named
                      from adjustments a
                      left join operations x on x.reference = a.id and x.kind in ('PostAdjustment', 'SettleLeg')) a
               on a.named = o.reference
           where (o.account_id, o.order_id, o.body ->> 'maker', o.body ->> 'checker',
                  coalesce(o.body ->> 'case_id', ''), o.at)
                 is distinct from (a.account_id, a.order_id, a.maker, a.checker, coalesce(a.case_id, ''), a.posted_at)
              or o.kind = 'PostAdjustment' and (o.body ->> 'lines')::jsonb is distinct from a.lines::jsonb""",
    ),
)

_STRANGE_LINES = """
with l as materialized (select * from statement_lines where account_id = any($1::text[])),
     i as materialized (select * from instalments where order_id = any(array(select order_id from l)))
select l.account_id, l.bill_date, l.order_id, l.no, i.order_id is null missing, s.issued_at,
       concat_ws(' ', i.due_date, i.principal_minor, i.fee_initial_minor, case when i.billed then 'billed' end)
           expected,
       concat_ws(' ', l.due_date, l.principal_minor, l.fee_minor) actual
from l join statements s using (account_id, bill_date)
left join i on i.account_id = l.account_id and i.order_id = l.order_id and i.no = l.no
where i.order_id is null or l.due_date <> i.due_date or not i.billed or i.bill_date > l.bill_date
   or l.principal_minor > i.principal_minor or l.fee_minor > i.fee_initial_minor
"""


async def lines(world: World, ids: Sequence[str]) -> list[Finding]:
    """Lines of statements of these accounts that no instalment explains: none of that number, not billed by then, due
    on another day, or smaller than the line."""
    return [
        finding(
            LINES, CREDIT, f"line of {row['order_id']} no {row['no']} in {row['account_id']}/{row['bill_date']}",
            "an instalment" if row["missing"] else f"of {row['expected']}", row["actual"], at=row["issued_at"],
        )
        for row in await world[CREDIT].fetch(_STRANGE_LINES, ids)
    ]
