"""Atomicity: the decision is written once, and every participant's stored verdicts agree with it (I1-I4, CASES 1-8)."""

from settle.audit.findings import BOOKS, CARD, CREDIT, SERVICES, Check
from settle.audit.present import PRESENT

_KEPT = """s.started_at >= coalesce(
               (select value::timestamptz + interval '1 hour' from runtime_facts
                where name = 'pruned_answers_of_branches'), '-infinity')"""
"""Whether this book has all answers of a settlement still: those that were decided before this instant are pruned, by
the book's own clock, which is up to an hour behind the coordinator's (`nightly.py`)."""

_ENDED = {
    CARD: "true", CREDIT: f"ended_at < {PRESENT} - interval '1 minute'",
}
"""Settlements of redemptions are read after the credit book: of the last minute one may have ended after that was."""


def of_both(book: str) -> str:
    """The settlements of both coordinators that have ended at this book."""
    return " union all ".join(
        f"select id, two_phase, decision, started_at from {table} where {ended}"
        for table, ended in (("audit_settlements", "true"), ("audit_redemptions", _ENDED[book]))
    )


def _answered(book: str) -> Check:
    return Check(
        "sagas.answers",
        "the answers that a book keeps of a settlement are its decision: tried and confirmed, or tried and cancelled,"
        " and one answer where it alone took part", (book,),
        f"""select s.id, case when s.two_phase then 'an answer to TRY, ' else 'one answer, ' end
                         || case when s.decision <> 'COMMIT' then 'and of what was given up'
                                 when s.two_phase then 'both DONE with CONFIRM' else 'DONE' end,
                  concat_ws(' ', coalesce(t.verdict, '-'), coalesce(f.verdict, '-'), coalesce(c.verdict, '-'))
           from ({of_both(book)}) s
           left join inbox t on t.message_id = s.id || '/T'
           left join inbox f on f.message_id = s.id || '/F'
           left join inbox c on c.message_id = s.id || '/C'
           where {_KEPT} and (t.verdict is null or case
               when not s.two_phase and s.decision = 'COMMIT' then t.verdict <> 'DONE'
               when not s.two_phase then t.verdict not in ('REFUSED', 'TOMBSTONED')
               when s.decision = 'COMMIT' then t.verdict <> 'DONE' or f.verdict is distinct from 'DONE'
                                               or c.verdict is not null
               else c.verdict is null or f.verdict is not null end)""",
        cause="the answer was deleted or changed past the engine: its command, sent again, would be carried out again",
    )


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
        "sagas.elsewhere", "only coordinators have settlements", (CREDIT,),
        "select 'saga_records ' || id, 'none: nothing is coordinated here', kind || ' ' || phase from saga_records",
        cause="the settlement was put there by hand, in the wrong database",
    ),
    Check(
        "sagas.branches", "a settlement that is done ended at every participant", BOOKS,
        """select id, 'all branches ENDED', unended from audit_settlements where unended <> ''
           union all select id, 'all branches ENDED', unended from audit_redemptions where unended <> ''""",
    ),
    *map(_answered, BOOKS),
    Check(
        "sagas.traceless", "an aborted settlement posted nothing", BOOKS,
        """select s.id, 'no journal', j.op || ' at ' || j.root || '/' || j.root_version
           from (select id, decision from audit_settlements union all select id, decision from audit_redemptions) s
           join journals j on j.saga_id = s.id where s.decision = 'ABORT'""",
    ),
)
