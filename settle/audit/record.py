"""The permanent record beside what was done: an attempt that was done has its event, and what a call did its attempt.

That nothing of the record itself was altered, taken out or swapped is told by its chain (`chains.py`). Nor is it ever
pruned: so it tells of a row that is gone, or was made past the engine, also once no event does.
"""

from collections.abc import Sequence

from services.card_redemption.domain import events
from settle.audit.findings import CARD, Check, Finding, Walk, instant
from settle.audit.snapshots import World

RECORDED = "record.cards"
_CALLED = {
    events.CardIssued: "ISSUE_CARD", events.CardActivated: "ACTIVATE_CARD", events.CardCodeRevealed: "REVEAL_CODE",
    events.CardTransferOffered: "TRANSFER_CARD", events.CardTransferWithdrawn: "WITHDRAW_TRANSFER",
    events.CardTransferred: "ACTIVATE_TRANSFER", events.CardVoided: "VOID_CARD",
}
"""Events of what only calls do, and how their attempts are called."""
_TYPES = [f"settlement.card_redemption.v1.{fact.__name__}" for fact in _CALLED]
_CODE_GONE = "the code was deleted by hand"
_UNRECORDED = """
select e.aggregate_id, e.sequence, e.type, e.at
from events e join unnest($2::text[], $3::text[]) called (type, kind) on called.type = e.type
where e.aggregate_id = any($1::text[]) and e.at > (select max(at) from record_since)
  and not exists (select from attempts a where a.card_id = e.aggregate_id and a.at = e.at and a.kind = called.kind
                  and a.outcome = 'DONE')
order by e.aggregate_id, e.sequence
"""


_UNKEPT = """
select distinct e.aggregate_id from events e
where e.aggregate_id = any($1::text[]) and e.type = 'settlement.card_redemption.v1.CardCodeRevealed'
  and not exists (select from card_codes c where c.card_id = e.aggregate_id)
order by 1
"""


async def unrecorded(world: World, ids: Sequence[str]) -> list[Finding]:
    """What calls did to these cards that is not on the record, and codes that were shown and are not there."""
    rows = await world[CARD].fetch(_UNRECORDED, ids, _TYPES, list(_CALLED.values()))
    unkept = await world[CARD].fetch(_UNKEPT, ids)
    found = [
        Finding(
            RECORDED, CARD, f"event {row['aggregate_id']}/{row['sequence']} {row['type'].rpartition('.')[2]}",
            "an attempt of that instant", "none", since=instant(row["at"]),
        )
        for row in rows
    ]
    return found + [
        Finding(RECORDED, CARD, f"card {row['aggregate_id']}", "the code that was shown", "none", cause=_CODE_GONE)
        for row in unkept
    ]


_NAMED = " union all ".join(
    f"select id from {table}" for table in (
        "redemption_orders", "disputes", "enterprise_agreements", "revocation_batches", "calendars", "channels",
    )
)
"""What an attempt can be about beside a card."""

_MADE = """
select 'OPEN_DISPUTE' kind, redemption_id about, opened_at at, 'disputes ' || id what from disputes
where opened_by <> 'engine'
union all select 'REVOKE_BATCH', agreement_id, requested_at, 'revocation_batches ' || id from revocation_batches
"""
"""The rows that nothing but a call makes, at its instant, with the kind of its attempt and whom that is about."""
_MAKING = "('OPEN_DISPUTE', 'REVOKE_BATCH')"
_DENIED = "a.kind = 'CONFIRM_REDEMPTION' and a.outcome = 'DENIED' and a.card_id = f.card_id"
"""An attempt to submit a code that a redemption of another draft has: the first of each draft leaves a timer, which
opens a freeze case once it was answered."""

CHECKS = (
    Check(
        "record.made", "each case and each batch was made by an attempt on the record, and each such attempt made one",
        (CARD,),
        f"""with since as (select max(at) at from record_since),
                 made as (select kind, about, at, count(*) count, min(what) what from ({_MADE}) each
                          where at > (select at from since) group by kind, about, at),
                 said as (select kind, order_id about, at, count(*) count, min(id) id from attempts
                          where outcome = 'DONE' and kind in {_MAKING} group by kind, order_id, at)
            select coalesce(what, 'attempt ' || id || ' ' || kind || ' of ' || about),
                   coalesce(said.count, 0) || ' by attempts of ' || at, coalesce(made.count, 0)::text
            from made full join said using (kind, about, at)
            where made.count is distinct from said.count
            union all
            select 'freeze_cases ' || id, nth || ' denied attempts by ' || opened_at, said.count::text
            from (select *, row_number() over (partition by card_id order by opened_at, id) nth
                  from freeze_cases where opened_at > (select at from since)) f
            cross join lateral (select count(*) from attempts a where {_DENIED} and a.at <= f.opened_at) said
            where said.count < nth
            union all
            select 'freeze_cases of redemption ' || redemption_id, 'one of ' || opened_at || ', as ' || id || ' tells',
                   'none'
            from disputes d
            where type = 'DUPLICATE_CODE' and opened_by = 'engine'
              and not exists (select from freeze_cases f
                              where f.redemption_id = d.redemption_id and f.opened_at = d.opened_at)""",
        "the row was deleted, or put there, past the engine",
    ),
    Check(
        "record.standing", "a card that was frozen or voided on the record is so until the record says otherwise",
        (CARD,),
        """select 'gift_cards ' || a.card_id || ' standing', a.due || ', by attempt ' || a.id, g.standing
           from (select distinct on (card_id) card_id, id,
                        case kind when 'FREEZE_CARD' then 'FROZEN' when 'VOID_CARD' then 'VOID' end due
                 from attempts
                 where outcome = 'DONE' and kind in ('FREEZE_CARD', 'UNFREEZE_CARD', 'VOID_CARD')
                 order by card_id, id desc) a
           join gift_cards g on g.id = a.card_id
           where g.standing <> a.due""",
        "the card was changed past the engine: what nobody may spend could be spent",
    ),
    Check(
        "record.sealed", "every attempt stands in a volume, before the end that the volume says", (CARD,),
        """select 'attempt ' || a.id, coalesce('number 1 to ' || v.attempts, 'the volume') || ' of ' || a.volume,
                  a.number::text
           from attempts a left join record_volumes v on v.id = a.volume
           where a.volume is not null and (v.id is null or a.number not between 1 and v.attempts)""",
        "the row was put there by hand, or its volume was deleted or set back",
    ),
    Check(
        "record.volumes", "the volumes of the record have no gap, and it begins when it says", (CARD,),
        """select id, expected, id
           from (select id, 'rec_' || lpad((row_number() over (order by id))::text, 9, '0') expected
                 from record_volumes) volumes
           where id <> expected
           union all
           select 'record_since', 'before the first attempt', at::text from record_since
           where at >= (select min(at) from attempts)
           union all
           select 'record_since', '1 row', count(*)::text from record_since having count(*) <> 1""",
        "a volume was deleted by hand, or the instant from which on there is a record was moved",
    ),
    Check(
        "record.named", "what the record says was done was done to what is there", (CARD,),
        f"""select what || named, 'a row, by attempt ' || (array_agg(id || ' ' || kind order by id))[1],
                   'none'
            from (select id, kind, 'gift_cards ' what, card_id named from attempts a
                  where outcome = 'DONE' and card_id <> ''
                    and not exists (select from gift_cards g where g.id = a.card_id)
                  union all
                  select id, kind, 'redemption, case, agreement or policy ', order_id from attempts a
                  where outcome = 'DONE' and order_id <> ''
                    and not exists (select from ({_NAMED}) t where t.id = a.order_id)
                 ) each
            group by what, named""",
        "it was deleted by hand with all that belongs to it, or the attempt was put there",
    ),
)

WALKS = (
    Walk(
        RECORDED, "what a call did to a card is on the permanent record (RD-31)", CARD, "card", unrecorded,
        cause="the attempt was deleted by hand before it was sealed, or with all that came after it",
    ),
)
