-- migrate:up
-- What other lanes have not published yet of an aggregate is found by its key: without an index whoever tells an event reads
-- through all that waits there, 20,000 records behind a partition without a leader. Only events are in it, for only they are
-- asked for. Runs before and after safely: older code does not use it.
create index outbox_events on outbox (key) where topic like 'settlement.%.events.v1';
