"""Calls: each is answered once and its answer is kept, for a repeat without it would be carried out again (I2, I5).

What was done does not name its call. But both carry the instant of their decision: of each instant there are at least
as many answers as things that only calls do. Answers that were kept for their time are not missed.
"""

from services.credit_ledger.domain.log.inputs import OF_CALLERS, OPENING
from services.kernel.ids import derived
from services.order.domain.states import Kind
from settle.audit.findings import CARD, CREDIT, ORDER, SERVICES, Check

_CALLED = ", ".join(f"'{row.kind}'" for row in (OPENING, *OF_CALLERS) if row.logged and row.kind != "CutStatement")


def _answered(id_: str, service: str, done: str, type_: str = "") -> Check:
    """The promise of a service; `done` selects what calls did, as (at, what), `type_` is that of their answers."""
    return Check(
        id_, "what a call did has its answer, so that a repeat of the call does nothing", (service,),
        f"""select d.at::text, d.count || ' answers: ' || d.what, coalesce(i.count, 0)::text
            from (select at, count(*) count, min(what) what from ({done}) each
                  where at >= coalesce((select value::timestamptz from runtime_facts
                                        where name = 'pruned_answers_of_requests'), '-infinity')
                  group by at) d
            left join (select decided_at, count(*) count from inbox
                       where verdict = 'DONE' and message_id !~ '/[A-Z]$' and type like '%{type_}'
                       group by decided_at) i on i.decided_at = d.at
            where d.count > coalesce(i.count, 0)""",
        cause="the answer to a call was lost: its repeat would be carried out again",
    )


_CAUSED = Check(
    "joins.caused", "what a request or a notice caused has its answer, so that a repeat does nothing", SERVICES,
    """select 'event ' || e.aggregate_id || '/' || e.sequence || ' ' || e.type,
              'the answer ' || e.cause || ' of ' || e.at, coalesce(i.verdict || ' of ' || i.decided_at, 'none')
       from events e left join inbox i on i.message_id = e.cause
       where e.cause <> '' and (i.message_id is null or i.verdict <> 'DONE' or i.decided_at <> e.at)
         and e.at >= coalesce((select value::timestamptz from runtime_facts
                               where name = 'pruned_answers_of_requests'), '-infinity')""",
    cause="the answer to a request or a notice was lost or changed: its repeat would be carried out again",
)

_SAGA_ID_LENGTH = len(derived("saga", ""))
_BEGUN = Check(
    "joins.begun", "what a call began has its answer, which names the settlement, so that a repeat begins none",
    (ORDER,),
    f"""with named as (
            select decided_at at, encode(substring(outcome from position('saga_'::bytea in outcome)
                                                   for {_SAGA_ID_LENGTH}), 'escape') id
            from inbox where verdict = 'DONE' and position('saga_'::bytea in outcome) > 0
        ), unnamed as materialized (
            select s.id, s.kind, s.root, s.started_at, s.plan
            from sagas s left join named n on n.at = s.started_at and n.id = s.id
            where n.id is null and s.kind not in ('{Kind.PLACEMENT}', '{Kind.DEPOSIT_RETURN}')
              and s.started_at >= coalesce((select value::timestamptz from runtime_facts
                                            where name = 'pruned_answers_of_requests'), '-infinity')
        )
        select 'settlement ' || s.id || ' ' || s.kind || ' of ' || s.root, 'an answer of ' || s.started_at, 'none'
        from unnamed s
        where not coalesce((s.plan ->> 'expired')::boolean, false)
          and not exists (select from inbox i where i.decided_at = s.started_at and i.verdict = 'DONE'
                                                and position(convert_to(s.id, 'UTF8') in i.outcome) > 0)""",
    cause="the answer to a request was lost or changed: its repeat would begin another settlement",
)
"""Most answers name the settlement that they began before any other; each of the few that do not is looked for alone.
So instants that thousands of decisions share cost no more than others."""

_SHOWN = Check(
    "joins.shown", "an account, and the switch of payouts, that an answer shows is there", (CREDIT,),
    """select 'credit_accounts ' || i.id, 'a row, as answer ' || min(i.message_id) || ' shows', 'none'
       from (select message_id, case when length(outcome) > 2 and get_byte(outcome, 0) = 10
                 then encode(substring(outcome from 3 for get_byte(outcome, 1)), 'escape') end id
             from inbox where verdict = 'DONE' and type = 'settlement.credit_ledger.v1.CreditAccount') i
       where not exists (select from credit_accounts a where a.id = i.id) group by i.id
       union all
       select 'payout_switches', 'a row, as answer ' || min(message_id) || ' shows', 'none'
       from inbox where verdict = 'DONE' and type = 'settlement.credit_ledger.v1.PayoutSwitch' and length(outcome) > 0
         and not exists (select from payout_switches)
       having count(*) > 0""",
    cause="what the call made was deleted by hand with all that belongs to it, or the answer was changed",
)
"""The account's id is the first field of its message. That of a switch that nobody moved is empty, and has no row."""

CHECKS = (
    _CAUSED, _BEGUN, _SHOWN,
    _answered(
        "joins.requests", CREDIT,
        f"""select at, kind || ' ' || account_id || '/' || number what from operations
            where saga_id = '' and kind in ({_CALLED})""",
    ),
    _answered("joins.card_requests", CARD, "select issued_at at, 'card ' || id what from gift_cards"),
    _answered(
        "joins.placements", ORDER, "select placed_at at, 'order ' || id what from orders", "PlaceOrderResponse",
    ),
    _answered(
        "joins.order_requests", ORDER,
        """select placed_at at, 'order ' || id what from orders
           union all select requested_at, 'return case ' || id from return_cases
           union all select started_at, 'settlement ' || id from merchant_settlements
           union all select started_at, 'capture ' || id from saga_records where kind = 'capture'""",
    ),
)
