-- migrate:up
-- Who gave up what, and why: the record of what an operator does that cannot be told from the rows it changed. Runs after
-- 0002. It makes a table that nobody has yet: older code may run before it and after it.

create table operator_acts (
    request_id text primary key,
    act text not null,
    target text not null,
    operator_id text not null,
    reason text not null,
    acted_at timestamptz not null
);
comment on table operator_acts is 'Append-only. One row per act of an operator, by the id of its request.';
create index operator_acts_target on operator_acts (target);
create trigger operator_acts_append_only before update or delete on operator_acts
    for each row execute function refuse_change();
create trigger operator_acts_no_truncate before truncate on operator_acts execute function refuse_change();
