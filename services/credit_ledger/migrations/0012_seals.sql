-- migrate:up
-- Seals of legs, merchants' shares and comparisons with rails (the runtime's 0009 says what they are and how older code gets
-- on with them). Runs after 0011 and after the runtime's 0009.

alter table legs add column seal bytea not null default '';
alter table reconciliations add column seal bytea not null default '';
alter table rail_differences add column seal bytea not null default '';
alter table merchant_shares add column seal bytea not null default '';
select accept_unsealed(name) from unnest(array['legs', 'merchant_shares', 'reconciliations', 'rail_differences']) name;
