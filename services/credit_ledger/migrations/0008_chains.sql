-- migrate:up
-- The heads of the chains of events and of logs, and the links of operations (services/kernel/chain.py). Runs after 0007 and after
-- the runtime's 0006. Older code may run before it and after it: it leaves the heads as they are and the links empty. It rewrites
-- no table. accept_unlinked() accepts operations too from here on: what has no link by now.

alter table credit_accounts add column events_head bytea not null default '', add column operations_head bytea not null default '';
alter table merchant_shares add column events_head bytea not null default '';
alter table reconciliations add column events_head bytea not null default '';
alter table operations add column link bytea not null default '';
comment on column operations.link is 'services/kernel/chain.py; empty: written before there were chains, or by a process of that time.';

create or replace function accept_unlinked() returns void language sql as $$
    select accept_unlinked('events', 'aggregate_id', 'sequence');
    select accept_unlinked('operations', 'account_id', 'number');
$$;
select accept_unlinked('operations', 'account_id', 'number');
