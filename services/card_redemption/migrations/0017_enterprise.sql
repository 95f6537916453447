-- migrate:up
-- Agreements with enterprises as roots of their own: what is in force, what waits for a second person, what was redeemed under
-- them in a year; and the batches that they revoke. Runs after 0012; older code may run before it and after it, for it knows
-- nothing of these tables. It rewrites no table.

create table enterprise_agreements (
    id text primary key,
    customer_id text not null,
    number bigint not null,
    terms json not null,
    proposed_by text not null,
    approved_by text not null,
    since timestamptz,
    proposals bigint not null,
    proposal json,
    year integer not null,
    redeemed_minor bigint not null,
    sequence bigint not null,
    version bigint not null,
    events_head bytea not null,
    constraint enterprise_agreements_in_force check ((number > 0) = (since is not null) and number >= 0 and proposals >= 0),
    constraint enterprise_agreements_redeemed check (redeemed_minor >= 0)
) with (fillfactor = 70);
create index enterprise_agreements_customer on enterprise_agreements (customer_id, id);
comment on column enterprise_agreements.terms is 'AgreementTerms by the names of its fields; spans of time are ISO 8601.';
comment on column enterprise_agreements.redeemed_minor is 'Faces that were accepted under it in the year, revoked ones too.';

create table revocation_batches (
    id text primary key,
    agreement_id text not null references enterprise_agreements (id),
    requested_at timestamptz not null,
    items json not null,
    version bigint not null
) with (fillfactor = 70);
create index revocation_batches_agreement on revocation_batches (agreement_id, id);
comment on column revocation_batches.items is
    'A list of [redemption id, card id, result, face in fen]; the view revocation_items spreads it.';

create view revocation_items as
    select b.id as batch_id, b.agreement_id, i ->> 0 as redemption_id, i ->> 1 as card_id, i ->> 2 as result,
           (i ->> 3)::bigint as face_minor
    from revocation_batches b, json_array_elements(b.items) i;
