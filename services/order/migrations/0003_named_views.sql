-- migrate:up
-- Names for the places of the lists that orders and the plans of settlements carry, so that whoever reads them with SQL
-- never counts. Runs after 0002 and after the runtime's 0001. It makes and replaces views only: older code may run before
-- it and after it.

create or replace view order_refunds as
    select o.id order_id, refund.row ->> 0 refund_id, refund.row ->> 1 settlement_id, refund.row ->> 2 state,
           (refund.row ->> 3)::bigint amount_minor, refund.row ->> 4 reversal_id,
           (refund.row ->> 5)::timestamptz confirmed_at, (refund.row ->> 6)::timestamptz bank_settled_at,
           (refund.row ->> 7)::boolean rerouted
    from orders o, json_array_elements(o.refunds) refund (row);

create view order_coupons as
    select o.id order_id, o.state, (o.coupon ->> 0)::bigint amount_minor, (o.coupon ->> 1)::bigint captured_minor,
           (o.coupon ->> 2)::bigint released_minor, (o.coupon ->> 3)::bigint refunded_minor
    from orders o;
comment on view order_coupons is 'What the platform pays on top of the tenders of orders, and what became of it.';

create view settlements as
    select s.id settlement_id, s.root, s.kind, s.phase, s.decision, s.started_at,
           branch.services, cardinality(branch.services) > 1 two_phase,
           stored.money ->> 0 order_id, stored.money ->> 1 customer_id, stored.money ->> 2 merchant_id,
           stored.money ->> 3 account_id, stored.money ->> 4 card_id,
           share.credit_minor, share.wallet_minor, coalesce(stored.gift_minor, share.giftcard_minor) giftcard_minor,
           share.bankcard_minor, coalesce((stored.money ->> 6)::bigint, 0) coupon_minor
    from sagas s
    cross join lateral (
        select (s.plan -> 'money')::jsonb money, (s.plan ->> 'gift_minor')::bigint gift_minor offset 0
    ) stored
    cross join lateral (
        select coalesce(array_agg(item ->> 0 order by no), '{}') services
        from json_array_elements(s.branches) with ordinality branch (item, no)
    ) branch
    cross join lateral (
        select coalesce(sum(amount_minor) filter (where tender = 'CREDIT'), 0)::bigint credit_minor,
               coalesce(sum(amount_minor) filter (where tender = 'WALLET'), 0)::bigint wallet_minor,
               coalesce(sum(amount_minor) filter (where tender = 'GIFTCARD'), 0)::bigint giftcard_minor,
               coalesce(sum(amount_minor) filter (where tender = 'BANKCARD'), 0)::bigint bankcard_minor
        from (select item ->> 0 tender, (item ->> 1)::bigint amount_minor from jsonb_array_elements(stored.money -> 5) item) of
    ) share;
comment on view settlements is 'Who takes part in a settlement, and what its plan moves. One with a merchant moves a gift-card share.';
