"""What the runtime keeps of its own: what was pruned was old enough, what was set aside says how it ended, and what an
operator gave up is on record."""

from settle.audit.findings import SERVICES, Check
from settle.audit.present import PRESENT

_ANSWERS_DAYS, _EVENTS_DAYS = 29, 0
"""Answers are kept for 30 days at least, events for as long as it is set; the clocks of two databases may differ."""

CHECKS = (
    Check(
        "keeping.pruned", "what counts as pruned is as old as what may be pruned", SERVICES,
        f"""select f.name, 'at most ' || k.until, f.value
            from runtime_facts f
            cross join lateral (select {PRESENT} - make_interval(days =>
                case f.name when 'pruned_events' then {_EVENTS_DAYS} else {_ANSWERS_DAYS} end) until) k
            where f.name like 'pruned%' and f.value::timestamptz > k.until""",
        "the fact was changed by hand: answers and events that are missed would not be told",
    ),
    Check(
        "keeping.parked", "what was set aside waits, or says when and why it does not any more", SERVICES,
        """select 'parked ' || id, case state when 'PARKED' then 'not resolved' else 'when and why it was' end,
                  state || ' at ' || coalesce(resolved_at::text, 'no time') || ' ' || resolution
           from parked
           where (state = 'PARKED') <> (resolved_at is null) or (state = 'PARKED') <> (resolution = '')
              or state not in ('PARKED', 'RETRIED', 'DISCARDED') or resolved_at < parked_at""",
        "the row was changed by hand",
    ),
    Check(
        "keeping.acts", "what an operator gave up was given up by an act that is on record, and an act is of something",
        SERVICES,
        """select s.id, 'an act of an operator', 'none, given up at ' || s.updated_at
           from saga_records s where s.reason = 'OPERATOR_ABORT'
             and not exists (select from operator_acts a where a.target = s.id and a.acted_at <= s.updated_at)
           union all
           select 'answer ' || i.message_id, 'an act of an operator', 'none' from inbox i
           where i.verdict = 'DONE' and i.type like '%.AbortSagaResponse'
             and not exists (select from operator_acts a where a.request_id = i.message_id)
           union all
           select 'operator_acts ' || a.request_id, 'a settlement', 'for ' || a.target
           from operator_acts a left join saga_records s on s.id = a.target
           where a.act not in ('ProposeSwitch', 'ApproveSwitch', 'ROTATE_KEYS')
             and (s.id is null or a.acted_at < s.started_at)
           union all
           select 'runtime_facts stopped', coalesce(told.stopped, ''), coalesce(f.value, '')
           from (select string_agg(name, ' ' order by name collate "C") stopped
                 from (select distinct on (1) split_part(target, '=', 1) as name, split_part(target, '=', 2) word
                       from operator_acts where act = 'ApproveSwitch' order by 1, ctid desc) last_acts
                 where word = 'stopped') told
           left join runtime_facts f on f.name = 'stopped'
           where coalesce(told.stopped, '') <> coalesce(f.value, '')""",
        "the act was changed or deleted by hand, or the settlement was, or a switch was moved past its two people",
    ),
)
