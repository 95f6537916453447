-- migrate:up
-- A name for what a refund tells of its flash network. Runs after 0005. It replaces a view only: older code may run before it and
-- after it, but not beside newer code, whose refunds have one place more than it reads; rows from before tell nothing of it.

create or replace view order_refunds as
    select o.id order_id, refund.row ->> 0 refund_id, refund.row ->> 1 settlement_id, refund.row ->> 2 state,
           (refund.row ->> 3)::bigint amount_minor, refund.row ->> 4 reversal_id,
           (refund.row ->> 5)::timestamptz confirmed_at, (refund.row ->> 6)::timestamptz bank_settled_at,
           (refund.row ->> 7)::boolean rerouted, coalesce((refund.row ->> 8)::boolean, false) posted,
           coalesce((refund.row ->> 9)::boolean, false) manual, coalesce(refund.row ->> 10, '') bank,
           coalesce((refund.row ->> 12)::boolean, false) expired
    from orders o, json_array_elements(o.refunds) refund (row);
