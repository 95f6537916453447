-- What a service's role may do with the tables of the runtime, beside reading all of them. Applied by the owner after every
-- migration (services/runtime/ground/grants.py), which takes back first whatever was granted before; by hand:
-- psql -v service=settle_order -f services/runtime/grants.sql. Nobody but the owner deletes what is kept, or changes what was
-- said: journals, events and acts of operators are only added to, and digests and checkpoints are made by the nightly pruning.
grant insert, update (outcome, seal) on inbox to :"service";
grant insert, update (next_offset, waiting_from, topic_epoch) on consumed_offsets to :"service";
grant insert, delete on outbox to :"service";
grant insert on events, journals, operator_acts to :"service";
grant insert, update, delete on timers to :"service";
grant insert, update (state, resolved_at, resolution, seal) on parked to :"service";
grant insert, update (value) on runtime_facts to :"service";
grant insert, update (cleared_seq), delete on lanes to :"service";
grant insert, update (topic_epoch, end_offset) on event_logs to :"service";
grant insert, update (after_id, after_sequence, published, ended_at) on republications to :"service";
