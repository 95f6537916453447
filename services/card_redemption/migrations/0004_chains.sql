-- migrate:up
-- The heads of the chains of events (services/kernel/chain.py). Runs after 0003 and after the runtime's 0006. Older code may run
-- before it and after it: it leaves the heads as they are, as it leaves the link of its events empty. It rewrites no table.

alter table gift_cards add column events_head bytea not null default '';
alter table merchant_shares add column events_head bytea not null default '';
