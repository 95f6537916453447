-- migrate:up
-- The head of the chain of an order's events (services/kernel/chain.py). Runs after 0007 and after the runtime's 0006. Older code
-- may run before it and after it: it leaves the head as it is, as it leaves the link of its events empty. It rewrites no table.

alter table orders add column events_head bytea not null default '';
