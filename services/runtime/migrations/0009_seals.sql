-- migrate:up
-- Rows that change, and are told by no chain, keep a seal: a hash of themselves under the key of the chains
-- (services/kernel/seal.py). Runs after 0008, with the services' own migrations that add it to their tables. What is there by
-- now has none: how many rows of a table that are is a fact, and more than these are a finding of the auditor. Older code may
-- run before it and after it, but writes rows without renewing their seals, which the auditor tells until a newer process
-- writes them again: stop the older processes first. A new column with a default rewrites no table; counting reads each once.

alter table sagas add column made_seal bytea not null default '', add column seal bytea not null default '';
alter table saga_digests add column seal bytea not null default '';
alter table events add column cause text not null default '';
comment on column events.cause is 'The request or notice by which it came to be; hashed with saga_id where it is set.';
alter table inbox add column seal bytea not null default '';
alter table parked add column seal bytea not null default '';
alter table operator_acts add column seal bytea not null default '';
comment on column sagas.made_seal is 'Of what never changes of it and is long: its plan.';

create function accept_unsealed(table_name text) returns void language plpgsql as $$
begin
    execute format(
        'insert into runtime_facts (name, value) select %L, count(*) from %I where seal = '''' having count(*) > 0
         on conflict (name) do update set value = excluded.value', 'unsealed_' || table_name, table_name);
end $$;
select accept_unsealed(name) from unnest(array['inbox', 'parked', 'sagas', 'saga_digests', 'operator_acts']) name;

create view accepted_rows as
    select concat_ws(' ', 'chain', chain, id, 'up to', number) said from chain_starts
    union all select concat_ws(' ', name, value) from runtime_facts where starts_with(name, 'unsealed_');
comment on view accepted_rows is 'What of before is accepted without a link or a seal; the fact `accepted` is the seal of all of it.';
