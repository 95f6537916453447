-- migrate:up
-- The rail's last word about a leg, what we did with its money without the rail, and what of a payment counts for which leg.
-- Runs after 0003; older code may still run: it leaves the new columns at their defaults, and they are read so that a row of
-- older code means what it meant. An older process must be gone before the first leg waits (state WAITING).

alter table legs
    add column word text not null default '',
    add column ended text not null default '',
    add column moved_at timestamptz,
    add column reversed boolean not null default false,
    add column counted_minor bigint not null default 0,
    add column used_minor bigint not null default 0,
    add constraint legs_counted check (counted_minor between 0 and amount_minor and used_minor >= 0);
alter table legs drop constraint legs_state;
alter table legs add constraint legs_state check (
    state in ('PENDING', 'SENT', 'UNKNOWN', 'ACCEPTED', 'SETTLED', 'EXCEPTION', 'RECALLED', 'REROUTED', 'WAITING')
);
create index legs_looked_at on legs (account_id) where
    reversed or state in ('PENDING', 'SENT', 'UNKNOWN', 'ACCEPTED', 'EXCEPTION', 'WAITING', 'RECALLED');
alter table agreements add column charged_back_at timestamptz;
comment on column agreements.charged_back_at is 'Since when the acquirer''s payment of the order is not refundable (PM-8).';
comment on column legs.word is 'What the rail has said last: SILENT, ACCEPTED, PAID or REFUSED; the last two are for good (PM-7).';
comment on column legs.ended is 'What we did with its money without the rail: REROUTED, BY_HAND, KEPT, or nothing.';
