"""What subscribers rely on: the events of an aggregate are numbered without a gap (I7, I13)."""

from settle.audit.findings import SERVICES, Check

CHECKS = (
    Check(
        "events.gapless", "the events of every aggregate are numbered without a gap", SERVICES,
        """select aggregate_id, first || '..' || first + count(*) - 1, min(sequence) || '..' || max(sequence)
           from (select e.aggregate_id, e.sequence, coalesce(c.sequence, 0) + 1 first
                 from events e left join event_checkpoints c using (aggregate_id)) e
           group by aggregate_id, first having min(sequence) <> first or max(sequence) <> first + count(*) - 1""",
    ),
)
