-- migrate:up
-- Where the oldest record of a partition stands whose message waits for a claim, although it is consumed: who takes the
-- partition over, as after a kill, reads again from there, and nobody waits until its coordinator sends it again. Runs
-- after 0006. Older processes leave the column as it is: whoever reads after them reads more of what was decided again,
-- which the inbox answers.
alter table consumed_offsets add column waiting_from bigint;
comment on column consumed_offsets.waiting_from is 'Offset of the oldest record that waits for the end of a claim in the memory of its lane; null where none does.';
