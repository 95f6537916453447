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

-- What is known of the topic of the service's events: another epoch, or an end that stands before the one that was seen,
-- says that Kafka lost events. They are published again from `events`, as is what an operator asks for: a row each, with
-- how far it came. Older processes do neither.
create table event_logs (
    topic text not null,
    partition integer not null,
    topic_epoch text not null,
    end_offset bigint not null,
    primary key (topic, partition)
) with (fillfactor = 50);

create table republications (
    id text primary key,
    partition integer,
    aggregate_id text not null default '',
    from_time timestamptz,
    operator_id text not null,
    reason text not null,
    asked_at timestamptz not null,
    after_id text not null default '',
    after_sequence bigint not null default 0,
    published bigint not null default 0,
    ended_at timestamptz
);
create index republications_open on republications (asked_at, id) where ended_at is null;
