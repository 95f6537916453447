-- migrate:up
-- Seals of payouts, of the switch that holds them, and of recycling channels (the runtime's 0009 says what they are and how
-- older code gets on with them). Runs after 0012 and after the runtime's 0009.

alter table payouts add column seal bytea not null default '';
alter table payout_switches add column seal bytea not null default '';
alter table recycling_channels add column seal bytea not null default '';
select accept_unsealed(name) from unnest(array['payouts', 'payout_switches', 'recycling_channels']) name;
