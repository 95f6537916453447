"""What subscribers rely on: the events of an aggregate are numbered from 1 without a gap (I7, I13)."""

from settle.audit.findings import SERVICES, Check

CHECKS = (
    Check(
        "events.gapless", "the events of every aggregate are numbered 1..n", SERVICES,
        """select aggregate_id, '1..' || count(*), min(sequence) || '..' || max(sequence)
           from events group by aggregate_id having min(sequence) <> 1 or max(sequence) <> count(*)""",
    ),
)
