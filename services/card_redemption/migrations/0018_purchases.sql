-- migrate:up
-- Who bought a card, and with which bank payment: cross-border cards are redeemed by their purchaser alone, and ORIGINAL pays back
-- to that payment (DOMAIN 1.9, OP-11). Of cards that are there already neither is known. Runs after 0017; older code may run before
-- it and after it: what it issues has no purchaser. It rewrites no table.

alter table gift_cards add column purchaser_id text not null default '', add column purchase text not null default '';
