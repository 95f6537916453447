-- migrate:up
-- Disputes about redemptions, under their cards; what they give back; and the redemptions for which somebody may not redeem, so
-- that each restriction can be lifted. Runs after 0012; older code may run before it and after it: it opens no case, and its
-- writes leave the new columns as they are. It rewrites no table.

alter table redemption_orders add column adjusted_minor bigint not null default 0;
alter table redeemers add column cases json not null default '[]';
comment on column redemption_orders.adjusted_minor is 'What disputes gave the customer back, fen (P22).';
comment on column redeemers.cases is 'The redemptions for which they are restricted.';

create table disputes (
    id text primary key,
    card_id text not null references gift_cards (id),
    redemption_id text not null references redemption_orders (id),
    customer_id text not null,
    type text not null,
    route text not null,
    vip integer not null,
    method text not null,
    rank integer not null,
    opened_by text not null,
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    state text not null,
    claimed_minor bigint not null,
    complaint text not null,
    let_in_by text not null,
    handler text not null,
    papers json not null,
    verdict text,
    remedy text not null,
    granted_minor bigint not null,
    deciders json not null,
    police_case text not null,
    reason text not null,
    target_on date,
    due_on date,
    lateness text not null,
    attempts integer not null,
    version bigint not null,
    seal bytea not null default '',
    constraint disputes_amounts check (claimed_minor >= 0 and granted_minor >= 0),
    constraint disputes_decided check ((verdict is null) = (json_array_length(deciders) = 0))
) with (fillfactor = 70);
create index disputes_card on disputes (card_id);
create index disputes_redemption on disputes (redemption_id, opened_at desc, id desc);
create index disputes_customer on disputes (customer_id, opened_at desc, id desc);
create index disputes_queue on disputes (rank, opened_at, id)
    where state in ('OPEN', 'TRIAGED', 'EVIDENCE', 'ESCALATED_12315');
comment on column disputes.rank is 'Whether its customer is heard first, then its payout method: the first two of its place in the queue.';
comment on column disputes.papers is 'A list of [kind, reference, by, at]; the view dispute_papers spreads it.';

create view dispute_papers as
    select d.id as dispute_id, d.card_id, p ->> 0 as kind, p ->> 1 as reference, p ->> 2 as by, p ->> 3 as at
    from disputes d, json_array_elements(d.papers) p;
