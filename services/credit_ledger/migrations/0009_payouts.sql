-- migrate:up
-- Payouts of redemptions with the legs that carry them, the operators' switch that holds them, and what recycling channels
-- remitted. Runs after 0008; older code may run before it and after it: it makes no leg of a payout, and leaves the new column at
-- its default. An older process must be gone before the first redemption is paid out, for it would book the end of its leg
-- on another sub-account.

create table payouts (
    id text primary key,
    account_id text not null,
    order_id text not null,
    card_id text not null,
    amount_minor bigint not null,
    method text not null,
    instrument text not null,
    requested_at timestamptz not null,
    state text not null,
    moved_at timestamptz not null,
    netted_minor bigint not null,
    attempts integer not null,
    version bigint not null,
    constraint payouts_method check (method in ('WALLET', 'BANK', 'ORIGINAL')),
    constraint payouts_state check (state in ('WAITING', 'SENT', 'SETTLED', 'REROUTED', 'STOPPED')),
    constraint payouts_amounts check (amount_minor > 0 and netted_minor between 0 and amount_minor)
) with (fillfactor = 70);
create index payouts_account on payouts (account_id, id);
create index payouts_waiting on payouts (id collate "C") where state = 'WAITING';
create index payouts_by_key on payouts (id collate "C");
comment on table payouts is 'Payouts of redemptions (P28); the id is the sub-account of L.PAYOUT.TRANSIT in both books.';

alter table legs add column payout_id text not null default '';
comment on column legs.payout_id is 'The payout of a redemption that the leg carries, or nothing.';

create table payout_switches (
    id text primary key,
    paused boolean not null,
    operator_id text not null,
    reason text not null,
    changed_at timestamptz,
    sequence bigint not null,
    version bigint not null,
    events_head bytea not null
);
comment on table payout_switches is 'Whether operators hold all payouts; who moved it before is in its events.';

create table recycling_channels (
    id text primary key,
    received_minor bigint not null,
    sequence bigint not null,
    version bigint not null,
    events_head bytea not null,
    constraint recycling_channels_received check (received_minor >= 0)
);
comment on table recycling_channels is 'What each recycling channel has remitted in all (P29).';
