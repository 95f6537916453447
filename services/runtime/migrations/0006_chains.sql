-- migrate:up
-- Every event holds all events before it of its aggregate: its link is a hash of it and of them, and its root keeps the head.
-- Runs after 0005, with the service's own migration that adds the heads. Older code may run before it and after it: it leaves
-- the link empty, and the chain goes on over such a row as if it were not there. What has no link by now is accepted here, up
-- to which number; what an older process writes later is a finding of the auditor until accept_unlinked() is called again, by
-- the owner of the tables, once the last older process has stopped. A new column with a default rewrites no table; accepting
-- reads events once.

alter table events add column link bytea not null default '';
comment on column events.link is 'services/kernel/chain.py; empty: written before there were chains, or by a process of that time.';

create table chain_starts (
    chain text not null,
    id text not null,
    number bigint not null,
    primary key (chain, id)
);
comment on table chain_starts is 'Up to which number rows of a chain (events, operations) may be without a link.';

create function accept_unlinked(table_name text, id_column text, number_column text) returns void language plpgsql as $$
begin
    execute format(
        'insert into chain_starts (chain, id, number) select %1$L, %2$I, max(%3$I) from %1$I where link = '''' group by %2$I
         on conflict (chain, id) do update set number = excluded.number',
        table_name, id_column, number_column);
end $$;
create function accept_unlinked() returns void language sql as $$ select accept_unlinked('events', 'aggregate_id', 'sequence') $$;
select accept_unlinked();

comment on column event_checkpoints.hash is 'The head of the chain at the last dropped event; one of 32 bytes is of another chain, before this.';
