-- migrate:up
-- What orders took of a card is looked up by the card, by the auditor for 200 cards at a time: without an index each time
-- all rows are read, and a million orders took hours. Runs after 0004; older code may run before it and after it. The
-- index is built under a lock that stops writes: on a large table, make it beforehand, concurrently and under its name.

create index if not exists card_tenders_card on card_tenders (card_id);
