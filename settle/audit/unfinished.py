"""Nothing is forgotten: no verdict is open, no settlement waits for a person (what has a timer: `states`)."""

from settle.audit.findings import SERVICES, Check

CHECKS = (
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
