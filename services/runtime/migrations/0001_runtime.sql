-- migrate:up
-- What every service's database holds for the runtime: inbox, offsets, outbox, events, timers, sagas, journals.
-- Runs before the first service starts; nothing reads these tables before.

create table inbox (
    message_id text primary key,
    body_hash bytea,
    verdict text not null,
    type text not null default '',
    outcome bytea not null default '',
    decided_at timestamptz not null
);
comment on table inbox is 'One row per decided message: request id, or saga/branch/op. The stored answer of every duplicate.';

create table consumed_offsets (
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    topic_epoch text not null,
    primary key (topic, partition)
) with (fillfactor = 50);

create sequence lane_ids;

create table outbox (
    lane_id bigint not null,
    seq bigint not null,
    topic text not null,
    partition integer not null,
    key text not null,
    headers bytea not null,
    payload bytea not null,
    primary key (lane_id, seq)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);

create table events (
    aggregate_id text not null,
    sequence bigint not null,
    type text not null,
    at timestamptz not null,
    saga_id text not null default '',
    payload bytea not null,
    primary key (aggregate_id, sequence)
);

create table timers (
    kind text not null,
    key text not null,
    root text not null,
    partition integer not null,
    due_at timestamptz not null,
    primary key (kind, key)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);
create index timers_due_sagas on timers (partition, due_at) where kind = 'saga';
create index timers_due_others on timers (partition, due_at) where kind <> 'saga';

create table parked (
    id bigint generated always as identity primary key,
    source text not null,
    partition integer,
    kafka_offset bigint,
    key text not null,
    message_id text not null,
    headers json not null default '{}',
    payload bytea not null default '',
    reason text not null,
    detail text not null default '',
    state text not null default 'PARKED',
    parked_at timestamptz not null,
    resolved_at timestamptz,
    resolution text not null default '',
    constraint parked_state check (state in ('PARKED', 'RETRIED', 'DISCARDED'))
);
create unique index parked_once on parked (source, partition, kafka_offset);
create index parked_open on parked (key) where state = 'PARKED';

create table sagas (
    id text primary key,
    root text not null,
    kind text not null,
    definition_version integer not null,
    phase text not null,
    decision text not null default '',
    reason text not null default '',
    attempts integer not null default 0,
    started_at timestamptz not null,
    deadline_at timestamptz not null,
    updated_at timestamptz not null,
    version integer not null,
    plan json not null,
    branches json not null,
    constraint sagas_decision check (decision in ('', 'COMMIT', 'ABORT'))
) with (fillfactor = 70);
create index sagas_root on sagas (root, started_at);
comment on table sagas is 'Every open one has a row in timers of kind saga; so no index on phase keeps its updates from staying in the page.';

create function line_sum(amounts bigint[]) returns bigint
    language sql immutable parallel safe
    return (select coalesce(sum(amount), 0)::bigint from unnest(amounts) amount);

create table journals (
    root text not null,
    root_version bigint not null,
    no smallint not null,
    op text not null,
    unit text not null,
    order_id text not null,
    saga_id text not null,
    posted_at timestamptz not null,
    accounts text[] not null,
    subs text[] not null,
    amounts bigint[] not null,
    primary key (root, root_version, no),
    constraint journals_balance check (line_sum(amounts) = 0)
);
comment on table journals is 'Append-only. One balanced journal per row; the view entries spreads its lines.';

create view entries as
    select j.root, j.root_version, j.no, line.line, j.op, j.unit, j.order_id, j.saga_id, j.posted_at,
           line.account, line.sub, line.amount_minor
    from journals j,
         unnest(j.accounts, j.subs, j.amounts) with ordinality line (account, sub, amount_minor, line);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger journals_append_only before update or delete on journals
    for each row execute function refuse_change();
create trigger journals_no_truncate before truncate on journals execute function refuse_change();
create trigger events_append_only before update or delete on events
    for each row execute function refuse_change();

create table runtime_facts (
    name text primary key,
    value text not null
);
comment on table runtime_facts is 'Facts that must not change silently: the partition count, the Kafka cluster id, the manual clock.';
