-- migrate:up
-- What may be done with a card beside spending it. Runs after 0005, while no process of the older code runs: that code
-- would spend cards that are claimed or frozen. The new columns have constants as defaults, so no table is rewritten; a
-- card of before is active, and its first code is made when its owner asks for it.

alter table gift_cards
    add column standing text not null default 'ACTIVE',
    add column claimed_by text not null default '',
    add column frozen_from text,
    add column frozen_for text not null default '',
    add column handed_to text not null default '',
    add column code_number bigint not null default 1,
    add column issuer text not null default '',
    add constraint gift_cards_frozen check ((standing = 'FROZEN') = (frozen_from is not null)) not valid,
    add constraint gift_cards_foreign check (issuer = '' or balance_minor = 0) not valid;
alter table gift_cards validate constraint gift_cards_frozen;
alter table gift_cards validate constraint gift_cards_foreign;
comment on column gift_cards.claimed_by is 'The redemption or the closing that has it, or had it when it was written off.';
comment on column gift_cards.handed_to is 'Who may activate a transfer; of a closed card, the account that has its value.';
