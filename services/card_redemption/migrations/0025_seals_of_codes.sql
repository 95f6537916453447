-- migrate:up
-- Seals of codes (the runtime's 0009 says what they are and how older code gets on with them): an envelope opens only as it was
-- closed, but whose code it is, its last digits and that it is this envelope nothing else told. What a rotation of keys wraps
-- anew is under no seal. Runs after 0007 and after the runtime's 0009; it rewrites no table.

alter table card_codes add column seal bytea not null default '';
select accept_unsealed('card_codes');
