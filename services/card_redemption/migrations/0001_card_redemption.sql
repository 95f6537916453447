-- migrate:up
-- Gift cards and what orders took of them. Runs before the first process starts; after the runtime's.

create table gift_cards (
    id text primary key,
    customer_id text not null,
    face_minor bigint not null,
    balance_minor bigint not null,
    issued_at timestamptz not null,
    held_minor bigint not null,
    sequence bigint not null,
    version bigint not null,
    constraint gift_cards_value check (balance_minor >= 0 and held_minor between 0 and balance_minor)
) with (fillfactor = 70);
create index gift_cards_customer on gift_cards (customer_id, id);

create table card_tenders (
    order_id text primary key,
    card_id text not null references gift_cards (id),
    merchant_id text not null,
    deposited_minor bigint not null,
    returned_minor bigint not null,
    captured_minor bigint not null,
    refunds json not null,
    pending_saga_id text,
    pending_tried_at timestamptz,
    version bigint not null,
    constraint card_tenders_standing check (
        deposited_minor >= 0 and returned_minor >= 0 and captured_minor >= 0
        and returned_minor + captured_minor <= deposited_minor),
    constraint card_tenders_pending check ((pending_saga_id is null) = (pending_tried_at is null))
) with (fillfactor = 70);
comment on column card_tenders.refunds is 'A list of [refund id, fen]; the view card_tender_refunds spreads it.';

create view card_tender_refunds as
    select t.order_id, t.card_id, r ->> 0 as refund_id, (r ->> 1)::bigint as amount_minor
    from card_tenders t, json_array_elements(t.refunds) r;
