-- migrate:up
-- What a refund uses up of a merchant's payable, and what of it was paid already. Runs after 0002, while no process of the
-- older code runs: that code would not claim the shares.

alter table merchant_shares
    add column refunding_minor bigint not null default 0,
    add constraint merchant_shares_refunding check (refunding_minor >= 0) not valid;
alter table merchant_shares validate constraint merchant_shares_refunding;
comment on column merchant_shares.refunding_minor is 'Claimed by refunds that are not decided; card_tenders.covering_minor by order.';

alter table card_tenders
    add column covering_minor bigint not null default 0,
    add constraint card_tenders_covering check (covering_minor >= 0 and (covering_minor = 0 or pending_saga_id is not null)) not valid;
alter table card_tenders validate constraint card_tenders_covering;
comment on column card_tenders.refunds is 'A list of [refund id, fen, fen uncovered]; the view card_tender_refunds spreads it.';

create or replace view card_tender_refunds as
    select t.order_id, t.card_id, r ->> 0 as refund_id, (r ->> 1)::bigint as amount_minor,
           coalesce((r ->> 2)::bigint, 0) as uncovered_minor
    from card_tenders t, json_array_elements(t.refunds) r;
