-- migrate:up
-- Seals of redemptions, of freeze cases, of who redeems, and of channels and working days (the runtime's 0009 says what they
-- are and how older code gets on with them). Runs after 0012 and after the runtime's 0009.

alter table redemption_orders add column made_seal bytea not null default '', add column seal bytea not null default '';
alter table freeze_cases add column seal bytea not null default '';
alter table redeemers add column seal bytea not null default '';
alter table channels add column seal bytea not null default '';
alter table calendars add column seal bytea not null default '';
comment on column redemption_orders.made_seal is 'Of what never changes of it and is long: its terms.';
select accept_unsealed(name)
from unnest(array['redemption_orders', 'freeze_cases', 'redeemers', 'channels', 'calendars']) name;
