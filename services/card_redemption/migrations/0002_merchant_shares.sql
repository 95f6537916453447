-- migrate:up
-- What this book owes merchants, in rows that a settlement with one can claim. Runs after 0001, while no process of the older
-- code runs: that code would not keep the shares. What was owed before stands on the first share of each merchant.

create table merchant_shares (
    id text primary key,
    merchant_id text not null,
    payable_minor bigint not null,
    settling_minor bigint not null,
    sequence bigint not null,
    pending_saga_id text,
    pending_tried_at timestamptz,
    version bigint not null,
    constraint merchant_shares_settling check (settling_minor >= 0),
    constraint merchant_shares_pending check ((pending_saga_id is null) = (pending_tried_at is null))
) with (fillfactor = 50);
comment on table merchant_shares is 'L.MERCH.PAY of a merchant, spread so that no row is hot; a new one is inserted as version 0.';

insert into merchant_shares (id, merchant_id, payable_minor, settling_minor, sequence, pending_saga_id, pending_tried_at, version)
    select t.merchant_id || '/00', t.merchant_id, sum(t.captured_minor) - sum(coalesce(r.refunded, 0)), 0, 0, null, null, 1
    from card_tenders t
    left join (select order_id, sum(amount_minor) refunded from card_tender_refunds group by order_id) r using (order_id)
    group by t.merchant_id;
