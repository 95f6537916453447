-- migrate:up
-- What the order service keeps: orders, their return cases; settlements stand in the runtime's table sagas, keyed by order.
-- Runs before its first process starts; after the runtime's. Nothing reads these tables before.
-- One row per aggregate, its lists as json lists in that row; the views below spread them for people and for the auditor.

create table orders (
    id text primary key,
    customer_id text not null,
    merchant_id text not null,
    account_id text not null,
    state text not null,
    settlement_id text not null,
    version bigint not null,
    sequence bigint not null,
    placed_at timestamptz not null,
    updated_at timestamptz not null,
    hold_expires_at timestamptz,
    lines json not null,
    tenders json not null,
    coupon json not null,
    refunds json not null,
    details json not null,
    constraint orders_state check (state in (
        'PLACING', 'AWAITING_SHIPMENT', 'REJECTED', 'CANCELLING', 'CANCELLED', 'CAPTURING', 'IN_TRANSIT', 'DELIVERED',
        'PARTIALLY_REFUNDED', 'FULLY_REFUNDED', 'COMPLETED', 'PAYMENT_EXPIRED'
    ))
) with (fillfactor = 60);
create index orders_customer on orders (customer_id, placed_at, id);
create index orders_merchant on orders (merchant_id, placed_at, id);
comment on table orders is 'The root. Neither state nor settlement is indexed, so that its changes stay in the page.';
comment on column orders.settlement_id is 'The settlement under way, empty if none: only it may change the order''s money.';

create table return_cases (
    id text primary key,
    order_id text not null,
    state text not null,
    settlement_id text not null,
    version bigint not null,
    requested_at timestamptz not null,
    updated_at timestamptz not null,
    deadline_at timestamptz,
    lines json not null,
    accepted json not null,
    details json not null,
    constraint return_cases_state check (state in (
        'REQUESTED', 'APPROVED', 'REJECTED', 'WITHDRAWN', 'IN_RETURN', 'EXPIRED', 'IN_DISPUTE', 'REFUNDING', 'REFUNDED',
        'REFUND_EXCEPTION'
    ))
) with (fillfactor = 60);
create index return_cases_order on return_cases (order_id, requested_at, id);
comment on table return_cases is 'Children of orders, written under the lock of their order.';

create view order_lines as
    select o.id order_id, o.state, line.no,
           line.row ->> 0 line_id, (line.row ->> 1)::bigint quantity, (line.row ->> 2)::bigint unit_price_minor,
           (line.row ->> 3)::bigint payable_minor, (line.row ->> 4)::bigint shipped, (line.row ->> 5)::bigint cancelled,
           (line.row ->> 6)::bigint returned, (line.row ->> 7)::bigint returning_units,
           (line.row ->> 8)::bigint captured_minor, (line.row ->> 9)::bigint returned_minor,
           line.row ->> 10 sku, line.row ->> 11 title
    from orders o, json_array_elements(o.lines) with ordinality line (row, no);
comment on view order_lines is 'What was bought, and what became of its units.';

create view order_tenders as
    select o.id order_id, o.state, tender.no,
           tender.row ->> 0 tender, (tender.row ->> 1)::bigint amount_minor, tender.row ->> 2 reference,
           (tender.row ->> 3)::bigint captured_minor, (tender.row ->> 4)::bigint released_minor,
           (tender.row ->> 5)::bigint refunded_minor, (tender.row ->> 6)::bigint settled_minor
    from orders o, json_array_elements(o.tenders) with ordinality tender (row, no);
comment on view order_tenders is 'How orders are paid, and what became of each share.';

create view order_refunds as
    select o.id order_id, refund.row ->> 0 refund_id, refund.row ->> 1 settlement_id, refund.row ->> 2 state,
           (refund.row ->> 3)::bigint amount_minor, refund.row ->> 4 reversal_id
    from orders o, json_array_elements(o.refunds) refund (row);
comment on view order_refunds is 'The refunds of orders; what each moved stands in the plan of its settlement.';
