-- migrate:up
-- Seals of gift cards (the runtime's 0009 says what they are and how older code gets on with them): once the events of a card
-- are pruned, nothing else tells where it stands and whose it is. Runs after 0006 and after the runtime's 0009.

alter table gift_cards add column seal bytea not null default '';
select accept_unsealed('gift_cards');
