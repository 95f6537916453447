"""Documents of accounts: each repayment, statement and adjustment came of the one operation that names it, and says the
same; every line of a statement is an instalment (SC-2, SD-4, MA-3)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from services.credit_ledger.domain.model.agreement import Plan
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.operation import PaidOut
from services.credit_ledger.domain.model.statement import StatementLine
from settle.audit.findings import CREDIT, Check, Finding
from settle.audit.folds.credit_rows import AGREEMENTS, STATEMENTS
from settle.audit.provenance.words import finding
from settle.audit.shared_reads import pages_of
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

_LINES = msgspec.json.Decoder(tuple[StatementLine, ...])
_PLANS = msgspec.json.Decoder(tuple[Plan, ...])


class _Billed(NamedTuple):
    """A line of a statement of an account."""

    account_id: str
    bill_date: date
    issued_at: datetime
    line: StatementLine


async def lines(world: World, ids: Sequence[str]) -> list[Finding]:
    """Lines of statements of these accounts that no instalment explains: none of that number, not billed by then, due
    on another day, or smaller than the line."""
    billed = await _billed(world, ids)
    found: list[Finding] = []
    async for page in pages_of(world, CREDIT, AGREEMENTS.query, ids):
        for row in page:
            of_order = billed.pop((row["account_id"], row["key"]), None)
            if of_order:
                items = {item.no: item for plan in _PLANS.decode(row["plans"]) for item in plan.instalments}
                found += _strange(of_order, items)
    return [*found, *(each for of_order in billed.values() for each in _strange(of_order, {}))]


async def _billed(world: World, ids: Sequence[str]) -> dict[tuple[str, str], list[_Billed]]:
    """The lines of all statements of these accounts, by account and order."""
    found: dict[tuple[str, str], list[_Billed]] = {}
    async for page in pages_of(world, CREDIT, STATEMENTS.query, ids):
        for row in page:
            for line in _LINES.decode(row["lines"]):
                each = _Billed(row["account_id"], row["bill_date"], row["issued_at"], line)
                found.setdefault((each.account_id, line.order_id), []).append(each)
    return found


def _strange(billed: Iterable[_Billed], items: Mapping[int, Instalment]) -> Iterator[Finding]:
    for account_id, bill_date, issued_at, line in billed:
        item = items.get(line.no)
        if item is None or not _explains(item, line, bill_date):
            expected = f"of {_said(item, item.fee_initial_minor, item.billed)}" if item else "an instalment"
            yield finding(
                LINES, CREDIT, f"line of {line.order_id} no {line.no} in {account_id}/{bill_date}", expected,
                _said(line, line.fee_minor), at=issued_at,
            )


def _explains(item: Instalment, line: StatementLine, bill_date: date) -> bool:
    return (
        item.billed and item.bill_date <= bill_date and item.due_date == line.due_date
        and line.principal_minor <= item.principal_minor and line.fee_minor <= item.fee_initial_minor
    )


def _said(each: Instalment | StatementLine, fee_minor: int, billed: bool = False) -> str:
    return f"{each.due_date} {each.principal_minor} {fee_minor}{' billed' if billed else ''}"
