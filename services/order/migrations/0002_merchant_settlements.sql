-- migrate:up
-- Settlements with merchants, roots of sagas beside the orders. Runs after 0001; older code neither reads nor writes it.

create table merchant_settlements (
    id text primary key,
    merchant_id text not null,
    amount_minor bigint not null,
    settlement_id text not null,
    started_at timestamptz not null,
    state text not null,
    reason text not null,
    ended_at timestamptz,
    version bigint not null,
    constraint merchant_settlements_amount check (amount_minor > 0),
    constraint merchant_settlements_state check (state in ('SETTLING', 'SETTLED', 'REFUSED'))
);
create unique index merchant_settlements_saga on merchant_settlements (settlement_id);
