-- migrate:up
-- Seals of what orders took of cards, and of merchants' shares (the runtime's 0009 says what they are and how older code gets on
-- with them). Runs after 0011 and after the runtime's 0009.

alter table card_tenders add column seal bytea not null default '';
alter table merchant_shares add column seal bytea not null default '';
select accept_unsealed(name) from unnest(array['card_tenders', 'merchant_shares']) name;
