-- migrate:up
-- Redemptions under their cards, the freeze cases of codes that were submitted twice, and the roots of who redeems. Runs after
-- 0008; older code may run before it and after it, for it knows nothing of these tables. It rewrites no table.

create table redemption_orders (
    id text primary key,
    card_id text not null references gift_cards (id),
    customer_id text not null,
    account_id text not null,
    terms json not null,
    declared_minor bigint not null,
    face_minor bigint not null,
    entry text not null,
    method text not null,
    instrument text not null,
    state text not null,
    accepted_at timestamptz not null,
    updated_at timestamptz not null,
    settlement_id text not null,
    reason text not null,
    verify_at timestamptz,
    cancel_requested_at timestamptz,
    cancel_fee_minor bigint not null,
    evidence json not null,
    scheduled_at timestamptz,
    deadline timestamptz,
    verified_at timestamptz,
    settled_at timestamptz,
    agreement_id text not null,
    payouts json not null,
    voucher json,
    fraud json,
    frozen_from text,
    channel_fee_minor bigint not null,
    remitted_minor bigint not null,
    claimed_minor bigint not null,
    verification_code json,
    version bigint not null,
    constraint redemption_orders_face check (declared_minor > 0 and face_minor > 0)
) with (fillfactor = 70);
create index redemption_orders_card on redemption_orders (card_id, accepted_at desc);
create index redemption_orders_customer on redemption_orders (customer_id, accepted_at desc, id desc);
comment on column redemption_orders.terms is 'The terms of its channel when it was submitted.';
comment on column redemption_orders.verification_code is 'Sealed; erased once the verification has it.';
comment on column redemption_orders.payouts is 'A list of [payout id, fen, method, state]; the view redemption_payouts spreads it.';

create view redemption_payouts as
    select r.id as redemption_id, r.card_id, p ->> 0 as payout_id, (p ->> 1)::bigint as amount_minor,
           p ->> 2 as method, p ->> 3 as state
    from redemption_orders r, json_array_elements(r.payouts) p;

create table freeze_cases (
    id text primary key,
    card_id text not null references gift_cards (id),
    redemption_id text not null references redemption_orders (id),
    submitted_by text not null,
    opened_at timestamptz not null,
    due_on date not null,
    version bigint not null
);
create index freeze_cases_card on freeze_cases (card_id);

create table redeemers (
    id text primary key,
    completed bigint not null,
    cancelled_day date not null,
    cancelled_minor bigint not null,
    restricted text not null,
    pending_saga_id text,
    pending_tried_at timestamptz,
    version bigint not null,
    constraint redeemers_counted check (completed >= 0 and cancelled_minor >= 0),
    constraint redeemers_pending check ((pending_saga_id is null) = (pending_tried_at is null))
) with (fillfactor = 70);
