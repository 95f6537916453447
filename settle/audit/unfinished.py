"""Nothing is forgotten: what is unfinished has a timer, what is finished has none, and no verdict is open."""

from settle.audit.findings import SERVICES, Check

CHECKS = (
    Check(
        "unfinished.timer", "every open settlement has a timer that will wake it", SERVICES,
        """select s.id, 'a timer of kind saga', 'none, phase ' || s.phase
           from sagas s left join timers t on t.kind = 'saga' and t.key = s.id
           where s.phase not in ('DONE', 'ABORTED') and t.key is null""",
    ),
    Check(
        "unfinished.leftover", "no ended settlement is woken again", SERVICES,
        """select t.key, 'no timer', 'due ' || t.due_at
           from timers t left join sagas s on s.id = t.key
           where t.kind = 'saga' and (s.id is null or s.phase in ('DONE', 'ABORTED'))""",
    ),
    Check(
        "unfinished.notice", "every notice that is not acknowledged has a timer that will send it again", SERVICES,
        """select n.id, 'a timer of kind notice', 'none'
           from notices n left join timers t on t.kind = 'notice' and t.key = n.id where t.key is null""",
    ),
    Check(
        "unfinished.frozen", "no settlement is frozen, waiting for a person", SERVICES,
        """select id, 'a phase that moves', 'FROZEN: ' || reason from sagas where phase = 'FROZEN'""",
    ),
    Check(
        "unfinished.verdict", "every inbox row holds an answer", SERVICES,
        """select message_id, 'DONE, REFUSED or TOMBSTONED', verdict
           from inbox where verdict not in ('DONE', 'REFUSED', 'TOMBSTONED')""",
    ),
)

QUIET = (
    Check(
        "unfinished.sagas", "once nothing is under way, every settlement is terminal", SERVICES,
        "select id, 'DONE or ABORTED', phase from sagas where phase not in ('DONE', 'ABORTED', 'FROZEN')",
    ),
    Check(
        "unfinished.notices", "once nothing is under way, every notice is acknowledged", SERVICES,
        "select id, 'acknowledged and gone', 'for ' || participant || ' ' || receiver from notices",
    ),
    Check(
        "unfinished.outbox", "once nothing is under way, everything committed was published", SERVICES,
        "select lane_id || '/' || seq, 'published and cleared', topic || ' ' || key from outbox",
    ),
)
"""Asked only of an engine that is quiet: at load they are true of no instant."""
