"""Atomicity: the decision is written once, and every participant's stored verdicts agree with it (I1-I4, CASES 1-8)."""

from settle.audit.findings import BOOKS, SERVICES, Check

_KEPT = """s.started_at >= coalesce(
               (select value::timestamptz + interval '1 hour' from runtime_facts
                where name = 'pruned_answers_of_branches'), '-infinity')"""
"""Whether this book has all answers of a settlement still: those that were decided before this instant are pruned, by
the book's own clock, which is up to an hour behind the coordinator's (`nightly.py`)."""

CHECKS = (
    Check(
        "sagas.decision", "the decision of a settlement agrees with its phase", SERVICES,
        """select id, case phase when 'DONE' then 'COMMIT' when 'CONFIRMING' then 'COMMIT'
                                 when 'ABORTED' then 'ABORT' when 'CANCELLING' then 'ABORT' else 'none' end,
                  phase || ' ' || coalesce(nullif(decision, ''), 'none')
           from saga_records
           where phase <> 'FROZEN' and not (phase = 'CANCELLING' and decision = '' and json_array_length(branches) = 1)
             and decision <> case phase when 'DONE' then 'COMMIT' when 'CONFIRMING' then 'COMMIT'
                                        when 'ABORTED' then 'ABORT' when 'CANCELLING' then 'ABORT' else '' end""",
    ),
    Check(
        "sagas.branches", "a settlement that is done ended at every participant", SERVICES,
        """select saga_id, 'all branches ENDED', service || ' ' || state
           from saga_branches where phase = 'DONE' and state is distinct from 'ENDED'""",
    ),
    Check(
        "sagas.executed", "with one participant, its stored answer is the decision", BOOKS,
        f"""select s.id, case s.decision when 'COMMIT' then 'DONE' else 'REFUSED or TOMBSTONED' end,
                  coalesce(i.verdict, 'no answer')
           from audit_settlements s left join inbox i on i.message_id = s.id || '/T'
           where {_KEPT} and not s.two_phase and (i.verdict is null or case s.decision
               when 'COMMIT' then i.verdict <> 'DONE' else i.verdict not in ('REFUSED', 'TOMBSTONED') end)""",
    ),
    Check(
        "sagas.confirmed", "a committed settlement was tried and confirmed here, never cancelled", BOOKS,
        f"""select s.id, 'tried DONE, confirmed DONE, not cancelled',
                  concat_ws(' ', coalesce(t.verdict, '-'), coalesce(f.verdict, '-'), coalesce(c.verdict, '-'))
           from audit_settlements s
           left join inbox t on t.message_id = s.id || '/T'
           left join inbox f on f.message_id = s.id || '/F'
           left join inbox c on c.message_id = s.id || '/C'
           where {_KEPT} and s.two_phase and s.decision = 'COMMIT'
             and (t.verdict is distinct from 'DONE' or f.verdict is distinct from 'DONE' or c.verdict is not null)""",
    ),
    Check(
        "sagas.cancelled", "an aborted settlement was cancelled here, never confirmed", BOOKS,
        f"""select s.id, 'an answer to TRY, cancelled, not confirmed',
                  concat_ws(' ', coalesce(t.verdict, '-'), coalesce(f.verdict, '-'), coalesce(c.verdict, '-'))
           from audit_settlements s
           left join inbox t on t.message_id = s.id || '/T'
           left join inbox f on f.message_id = s.id || '/F'
           left join inbox c on c.message_id = s.id || '/C'
           where {_KEPT} and s.two_phase and s.decision = 'ABORT'
             and (t.verdict is null or c.verdict is null or f.verdict is not null)""",
    ),
    Check(
        "sagas.traceless", "an aborted settlement posted nothing", BOOKS,
        """select s.id, 'no journal', j.op || ' at ' || j.root || '/' || j.root_version
           from audit_settlements s join journals j on j.saga_id = s.id where s.decision = 'ABORT'""",
    ),
)
