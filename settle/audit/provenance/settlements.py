"""Settlements: what a book posted and logged under the id of a settlement is what the coordinator settled, of its
order, on its account or card, with its merchant."""

from collections.abc import Iterable, Mapping

from services.card_redemption.domain import commands as card
from services.card_redemption.domain.postings import POSTINGS as CARD_POSTINGS
from services.card_redemption.domain.redemption.plans import Kind as Redeemed
from services.credit_ledger.domain.log.postings import POSTINGS, UNDER_A_SHARE
from services.credit_ledger.domain.model import commands as credit
from services.kernel.journal import Posting
from services.order.domain.merchant_settlement import KIND as MERCHANT_SETTLEMENT
from services.order.domain.states import Kind
from settle.audit import spread
from settle.audit.findings import BOOKS, CREDIT, Check
from settle.audit.present import PRESENT

COMMANDS: Mapping[str, tuple[type, ...]] = {
    Kind.PLACEMENT: (credit.AuthorizeTenders, card.DepositCard),
    Kind.CAPTURE: (credit.CaptureTenders, card.CaptureDeposit),
    Kind.CANCELLATION: (credit.ReleaseTenders, card.ReturnDeposit),
    Kind.REFUND: (credit.RefundTenders, credit.ClawBackFromMerchant, card.RefundCard),
    Kind.REFUND_REVERSAL: (credit.ReverseRefund, credit.ClawBackFromMerchant, card.ReverseCardRefund),
    Kind.DEPOSIT_RETURN: (credit.ReturnBankDeposit,),
    MERCHANT_SETTLEMENT: (credit.PayGiftCardShare, card.ClearMerchantShare),
}
"""What each kind of settlement commands of the books."""

_ROWS: Mapping[type, tuple[Posting, ...]] = {**POSTINGS, **UNDER_A_SHARE, **CARD_POSTINGS}
_CUT = credit.CutStatement


def _values(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"('{kind}', '{name}')" for kind, name in sorted(set(pairs)))


_OPS = _values((kind, row.op) for kind, each in COMMANDS.items() for body in (*each, _CUT) for row in _ROWS[body])
_KINDS = _values((kind, body.__name__) for kind, each in COMMANDS.items() for body in (*each, _CUT))
_BY_CUT = ", ".join(sorted({f"'{row.op}'" for row in POSTINGS[_CUT]}))

_UNLOGGED = ", ".join(f"'{kind}'" for kind in (Redeemed.SUBMISSION, Redeemed.STOP_PAYOUT))
"""What comes to nothing in the credit book."""

_LEFT = " union all ".join(
    f"select saga_id from {table} where saga_id in (select id from audit_redemptions)"
    for table in ("operations", "journals")
)
"""What settlements of redemptions left. Asked for in one place: of those without an operation, which a remittance never
has, the journals would be read whole for each."""

_DATED = " union all ".join(
    f"select id, two_phase, started_at, ended_at, posted_at from {copied.table}"
    for copied in (spread.SETTLEMENTS, spread.REDEMPTIONS)
)
"""The settlements of both coordinators."""

CHECKS = (
    Check(
        "provenance.meanwhile",
        "a journal of a settlement was posted when its book answered so, after a TRY no sooner, before its end", BOOKS,
        f"""select 'journal ' || j.root || '/' || j.root_version || '/' || j.no || ' ' || j.op,
                   case when s.posted_at is null then ''
                        else case when s.two_phase then 'after ' else 'at ' end || s.posted_at || ', ' end
                       || 'from ' || s.started_at || ' to ' || s.ended_at, j.posted_at::text
            from journals j join ({_DATED}) s on s.id = j.saga_id
            where j.posted_at not between s.started_at - interval '1 hour' and s.ended_at + interval '1 hour'
               or j.op not in ({_BY_CUT})
              and (j.posted_at < s.posted_at or not s.two_phase and j.posted_at > s.posted_at)""",
        cause="the journal was dated otherwise by hand; the clocks of two databases are less than an hour apart",
    ),
    Check(
        "provenance.instants", "every decision of an account or a card that posted something told of it then", BOOKS,
        """select distinct 'journals ' || j.root || '/' || j.root_version,
                  'an event of ' || coalesce(nullif(j.saga_id, ''), 'no settlement') || ' at ' || j.posted_at, 'none'
           from journals j
           left join (select aggregate_id, (select at from events e where e.aggregate_id = c.aggregate_id
                                            order by sequence limit 1) at
                      from event_checkpoints c) kept on kept.aggregate_id = j.root
           where j.root not like '%/%' and (kept.aggregate_id is null or j.posted_at > kept.at)
             and not exists (select from events e where e.aggregate_id = j.root and e.saga_id = j.saga_id
                                                    and e.at = j.posted_at)""",
        cause="a journal or an event was dated otherwise, or lost",
    ),
    Check(
        "provenance.settlements",
        "a journal of a settlement is what its kind posts, for its order, on its account, card or merchant", BOOKS,
        f"""select 'journal ' || j.root || '/' || j.root_version || '/' || j.no || ' ' || j.op,
                   concat_ws(' ', s.kind, s.root, s.account_id, s.card_id, s.merchant_id),
                   concat_ws(' ', j.op, j.order_id, j.root)
            from journals j
            join audit_settlements s on s.id = j.saga_id
            left join (values {_OPS}) may (kind, op) on may.kind = s.kind and may.op = j.op
            where may.op is null
               or j.op not in ({_BY_CUT}) and s.kind <> '{MERCHANT_SETTLEMENT}' and j.order_id <> s.root
               or j.root not in (s.account_id, s.card_id)
                  and left(j.root, length(s.merchant_id) + 1) <> s.merchant_id || '/'""",
        cause="a journal was posted, or changed, by hand",
    ),
    Check(
        "provenance.logged", "every committed settlement is one operation of its account, of its kind and its order",
        (CREDIT,),
        f"""select 'operation ' || o.account_id || '/' || o.number || ' ' || o.kind,
                   concat_ws(' ', s.decision, s.kind, s.root, s.account_id),
                   concat_ws(' ', o.kind, o.order_id, o.account_id)
            from operations o
            join audit_settlements s on s.id = o.saga_id
            left join (values {_KINDS}) may (kind, command) on may.kind = s.kind and may.command = o.kind
            where s.decision <> 'COMMIT' or may.command is null or o.account_id <> s.account_id
               or o.kind <> '{_CUT.__name__}' and o.order_id <> s.root
            union all
            select 'settlement ' || s.id || ' ' || s.kind || ' of ' || s.root, 'one operation of ' || s.account_id,
                   count(o.number)::text
            from audit_settlements s
            left join operations o on o.saga_id = s.id and o.kind <> '{_CUT.__name__}'
            where s.decision = 'COMMIT' and s.credit_minor + s.deposit_minor + s.coupon_minor > 0
              and s.kind <> '{MERCHANT_SETTLEMENT}'
            group by s.id, s.kind, s.root, s.account_id having count(o.number) <> 1""",
        cause="an operation was lost, or carried out twice",
    ),
    Check(
        "provenance.redeemed", "every committed settlement of a redemption left something in the credit book (BK-6)",
        (CREDIT,),
        f"""select 'settlement ' || s.id || ' ' || s.kind, 'an operation or a journal', 'none'
            from audit_redemptions s
            where s.decision = 'COMMIT' and s.kind not in ({_UNLOGGED})
              and s.ended_at < {PRESENT} - interval '1 minute'
              and not exists (select from ({_LEFT}) kept where kept.saga_id = s.id)""",
        cause="the account of who redeemed was lost with all that was paid to it, or the settlement was made up",
    ),
)
"""Settlements of redemptions are read after the credit book: of the last minute one may have ended after that was."""
