-- migrate:up
-- The daily comparison of the rail's own list with the legs, and what differed. Runs after 0004; older code may still run.

create table reconciliations (
    id text primary key,
    state text not null,
    run bigint not null,
    cursor text not null,
    after_key text not null,
    compared bigint not null,
    found bigint not null,
    started_at timestamptz,
    ended_at timestamptz,
    sequence bigint not null,
    version bigint not null,
    constraint reconciliations_state check (state in ('IDLE', 'RUNNING'))
);
comment on table reconciliations is 'How far the comparison with a rail is: it goes on behind after_key, in the page of cursor.';

create table rail_differences (
    key text primary key,
    reconciliation_id text not null,
    kind text not null,
    account_id text not null,
    reference text not null,
    leg_minor bigint not null,
    rail_minor bigint not null,
    detail text not null,
    opened_at timestamptz not null,
    seen_at timestamptz not null,
    resolved_at timestamptz,
    version bigint not null,
    constraint rail_differences_kind
        check (kind in ('UNKNOWN_LEG', 'OTHER_CONTENT', 'PAID_NOT_BOOKED', 'BOOKED_NOT_PAID', 'NOT_LISTED'))
);
create index rail_differences_open on rail_differences (key collate "C") where resolved_at is null;
comment on table rail_differences is 'Payments on which the rail and the legs do not agree; open until resolved_at.';

create index legs_by_key on legs (id collate "C");
