-- migrate:up
-- What changes of a saga stands together, behind what never does: of a row that stays in its page PostgreSQL logs what lies
-- between the first and the last byte that changed, and that was the plan, with each of a saga's updates. The order of columns
-- means nothing else, and SQL spells them out. So it is this one only in a database that nobody has used: where a lane ever
-- began, or views of a service stand on the table, it stays as it is. Runs before and after safely.
do $$ begin
    lock table sagas in access exclusive mode;
    if (select is_called from lane_ids) or exists (select from sagas) then
        return;
    end if;
    drop view saga_branches, saga_records;
    drop table sagas;
    create table sagas (
        id text primary key,
        root text not null,
        kind text not null,
        definition_version integer not null,
        started_at timestamptz not null,
        deadline_at timestamptz not null,
        plan json not null,
        made_seal bytea not null default '',
        branches json not null,
        phase text not null,
        decision text not null default '',
        reason text not null default '',
        attempts integer not null default 0,
        version integer not null,
        updated_at timestamptz not null,
        seal bytea not null default '',
        constraint sagas_decision check (decision in ('', 'COMMIT', 'ABORT'))
    ) with (fillfactor = 40);
    create index sagas_root on sagas (root, started_at);
    create index sagas_started on sagas (started_at, id);
    comment on table sagas is 'Every open one has a row in timers of kind saga; so no index on phase keeps its updates from staying in the page.';
    comment on column sagas.made_seal is 'Of what never changes of it and is long: its plan.';

    create view saga_records as
        select id, root, kind, definition_version, phase, decision, reason, attempts, started_at, deadline_at, updated_at, version,
               plan, branches, false digested
        from sagas
        union all
        select id, root, kind, definition_version, phase, decision, reason, 0, started_at, ended_at, ended_at, version,
               plan, branches, true
        from saga_digests;
    comment on view saga_records is 'All sagas: those that are open or ended lately, and the digests of the others.';
    create view saga_branches as
        select s.id saga_id, s.root, s.kind, s.phase, branch.no,
               branch.item ->> 0 service, branch.item ->> 1 state, branch.item ->> 2 reason, branch.item -> 3 result
        from saga_records s, json_array_elements(s.branches) with ordinality branch (item, no);
    comment on view saga_branches is 'How far each participant of each saga has come.';
exception when dependent_objects_still_exist then
    null;  -- views of a service
end $$;
