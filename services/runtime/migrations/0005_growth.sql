-- migrate:up
-- What is over becomes small, and what was kept long enough goes. A saga that has been over for the time of retention moves to
-- saga_digests; saga_records has both. Runs after 0002. It adds a table, views and indexes: older code may run before it and
-- after it, but does not find digests: stop the older processes of a coordinator before its first nightly run. refuse_change()
-- lets whoever sets settle.pruning delete events: the nightly job, which leaves the hash of their chain. The index on sagas is
-- built under a lock that stops writes: on a large table, make it beforehand, concurrently and under its name.

create table saga_digests (
    id text primary key,
    root text not null,
    kind text not null,
    definition_version integer not null,
    phase text not null,
    decision text not null,
    reason text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    version integer not null,
    plan json not null,
    branches json not null,
    constraint saga_digests_ended check (phase in ('DONE', 'ABORTED'))
);
create index saga_digests_root on saga_digests (root, started_at);
create index saga_digests_started on saga_digests (started_at, id);
comment on table saga_digests is 'Sagas that ended long ago: their outcome and their money, without the answers of their participants.';
create index if not exists sagas_started on sagas (started_at, id);

create view saga_records as
    select id, root, kind, definition_version, phase, decision, reason, attempts, started_at, deadline_at, updated_at, version,
           plan, branches, false digested
    from sagas
    union all
    select id, root, kind, definition_version, phase, decision, reason, 0, started_at, ended_at, ended_at, version,
           plan, branches, true
    from saga_digests;
comment on view saga_records is 'All sagas: those that are open or ended lately, and the digests of the others.';

create or replace view saga_branches as
    select s.id saga_id, s.root, s.kind, s.phase, branch.no,
           branch.item ->> 0 service, branch.item ->> 1 state, branch.item ->> 2 reason, branch.item -> 3 result
    from saga_records s, json_array_elements(s.branches) with ordinality branch (item, no);

create index inbox_decided on inbox using brin (decided_at) with (pages_per_range = 16, autosummarize = on);
create index events_at on events using brin (at) with (pages_per_range = 16, autosummarize = on);

create table event_checkpoints (
    aggregate_id text primary key,
    sequence bigint not null,
    hash bytea not null,
    made_at timestamptz not null
);
comment on table event_checkpoints is 'Of each aggregate whose old events were dropped: the number of the last dropped one, and the hash of the chain up to it.';

create or replace function refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and tg_table_name = 'events' and current_setting('settle.pruning', true) = 'on' then
        return old;
    end if;
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
