-- migrate:up
-- Settlements that ended long ago are digests; they stay settlements. Runs after 0006 and after the runtime's 0005. It replaces a
-- view only: older code may run before it and after it.

create or replace view settlements as
    select s.id settlement_id, s.root, s.kind, s.phase, s.decision, s.started_at,
           branch.services, cardinality(branch.services) > 1 two_phase,
           stored.money ->> 0 order_id, stored.money ->> 1 customer_id, stored.money ->> 2 merchant_id,
           stored.money ->> 3 account_id, stored.money ->> 4 card_id,
           share.credit_minor, share.wallet_minor, coalesce(stored.gift_minor, share.giftcard_minor) giftcard_minor,
           share.bankcard_minor, coalesce((stored.money ->> 6)::bigint, 0) coupon_minor, s.digested, s.updated_at
    from saga_records s
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
