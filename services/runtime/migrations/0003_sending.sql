-- migrate:up
-- Who may have unpublished rows in the outbox, and from where on: a lane that tells an event first publishes what other
-- lanes told of the same aggregate before. What was written before has no lane here: it is found by the sweeper, as ever.
-- Runs before and after safely: older processes neither read nor write the table, and order their own events as before.

create table lanes (
    lane_id bigint primary key,
    cleared_seq bigint not null default 0
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
comment on table lanes is 'A row per lane that lives or left something in the outbox; all its rows up to cleared_seq are published and gone.';

-- What a service told another of its own accord, until that one acknowledges it. Older processes send notices without a
-- row: nobody repeats those, as before, and nobody acknowledges them. An acknowledgement is unknown to an older process of
-- the sender and would be set aside there: stop the older ones of a service before the newer ones begin to decide.
create table notices (
    id text primary key,
    root text not null,
    participant text not null,
    receiver text not null,
    type text not null,
    payload bytea not null,
    place bigint not null,
    attempts integer not null default 0,
    version bigint not null
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index notices_root on notices (root);
comment on table notices is 'One row per notice that its receiver has not acknowledged yet; each has a timer of kind notice.';
