-- migrate:up
-- Seals of orders, return cases and settlements with merchants (the runtime's 0009 says what they are and how older code gets
-- on with them). Runs after 0008 and after the runtime's 0009.

alter table orders add column seal bytea not null default '';
alter table return_cases add column made_seal bytea not null default '', add column seal bytea not null default '';
alter table merchant_settlements add column seal bytea not null default '';
select accept_unsealed(name) from unnest(array['orders', 'return_cases', 'merchant_settlements']) name;
