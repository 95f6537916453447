-- migrate:up
-- What the credit ledger keeps: accounts and what hangs on them. Runs before its first process starts; after the runtime's.
-- One row per aggregate, its lists as json in that row; the views below spread them for people and for the auditor.

create table credit_accounts (
    id text primary key,
    customer_id text not null,
    state text not null,
    opened_at timestamptz not null,
    granted_minor bigint not null,
    held_minor bigint not null,
    used_minor bigint not null,
    wallet_minor bigint not null,
    credit_balance_minor bigint not null,
    receivable_minor bigint not null,
    bill_day smallint not null,
    due_day smallint not null,
    late_fee_ppm_per_day bigint not null,
    surplus_policy text not null,
    next_cut_at timestamptz,
    last_bill_date date,
    stated_operations bigint not null,
    shipments bigint not null,
    operations bigint not null,
    sequence bigint not null,
    pending_saga_id text,
    pending_tried_at timestamptz,
    version bigint not null,
    constraint credit_accounts_state check (state in ('ACTIVE', 'SUSPENDED', 'CLOSED')),
    constraint credit_accounts_holds check (held_minor >= 0 and used_minor >= 0),
    constraint credit_accounts_pending check ((pending_saga_id is null) = (pending_tried_at is null))
) with (fillfactor = 70);
comment on table credit_accounts is 'The root: granted = available + held + used; everything of a customer is written under this row''s lock.';

create table agreements (
    order_id text primary key,
    account_id text not null,
    customer_id text not null,
    merchant_id text not null,
    state text not null,
    open boolean not null,
    payment_reference text not null,
    written_off_minor bigint not null,
    version bigint not null,
    terms json not null,
    hold json not null,
    refunded json not null,
    plans json not null,
    constraint agreements_state
        check (state in ('DRAFT', 'EFFECTIVE', 'REVOKED', 'PAID_OFF', 'SETTLED_EARLY', 'CHARGED_OFF'))
) with (fillfactor = 60);
create index agreements_account on agreements (account_id, order_id);
comment on column agreements.open is 'Whether cuts, repayments or accruals may find something here. Not in an index: its changes stay in the page.';
do $$ begin
    alter table agreements alter column plans set compression lz4;  -- a third of the CPU of pglz, where the server has it
exception when feature_not_supported then null;
end $$;
comment on column agreements.plans is 'A list of plans; an instalment is a list: see the view instalments.';

create table merchant_shares (
    id text primary key,
    merchant_id text not null,
    payable_minor bigint not null,
    receivable_minor bigint not null,
    sequence bigint not null,
    version bigint not null,
    constraint merchant_shares_amounts check (payable_minor >= 0 and receivable_minor >= 0)
) with (fillfactor = 50);
comment on table merchant_shares is 'L.MERCH.PAY and A.MERCH.RECV of a merchant, spread so that no row is hot; a new one is inserted as version 0.';

create table payment_references (
    id text primary key,
    order_id text not null,
    version bigint not null
);
comment on table payment_references is 'Which order an acquirer''s payment serves (OP-4); empty: none.';

create table operations (
    account_id text not null,
    number bigint not null,
    kind text not null,
    at timestamptz not null,
    order_id text not null,
    reference text not null,
    saga_id text not null,
    body json not null,
    facts json not null,
    moved json not null,
    primary key (account_id, number)
);
comment on table operations is 'Append-only: every input that changed an account, in order. The account is the fold of it.';
comment on column operations.body is 'json, not jsonb: written and read whole, never searched, at a third of the cost.';

create table statements (
    account_id text not null,
    bill_date date not null,
    due_date date not null,
    cut_at timestamptz not null,
    issued_at timestamptz not null,
    amount_minor bigint not null,
    offset_minor bigint not null,
    first_operation bigint not null,
    last_operation bigint not null,
    lines json not null,
    primary key (account_id, bill_date)
);
comment on table statements is 'Append-only: an issued statement never changes (SC-2).';

create table repayments (
    id text primary key,
    account_id text not null,
    number bigint not null,
    received_at timestamptz not null,
    amount_minor bigint not null,
    instrument text not null,
    given_back_minor bigint not null,
    version bigint not null,
    constraint repayments_given_back check (given_back_minor between 0 and amount_minor)
);
create index repayments_account on repayments (account_id);

create table credit_refunds (
    id text primary key,
    account_id text not null,
    order_id text not null,
    merchant_id text not null,
    tenders json not null,
    state text not null,
    accepted_at timestamptz not null,
    posted_at timestamptz,
    version bigint not null,
    constraint credit_refunds_state
        check (state in ('PENDING_CHANNEL', 'EXCEPTION', 'SUCCEEDED', 'SUCCEEDED_MANUAL', 'REVERSED'))
);
create index credit_refunds_account on credit_refunds (account_id);
comment on table credit_refunds is 'Refunds that go through the flash network; a direct refund has only its operation.';

create table adjustments (
    id text primary key,
    account_id text not null,
    order_id text not null,
    refund_id text not null,
    maker text not null,
    checker text not null,
    evidence json not null,
    reason text not null,
    posted_at timestamptz not null,
    version bigint not null,
    constraint adjustments_four_eyes check (maker <> checker)
);
create index adjustments_account on adjustments (account_id, id);

create table legs (
    id text primary key,
    account_id text not null,
    order_id text not null,
    refund_id text not null,
    rail text not null,
    reference text not null,
    amount_minor bigint not null,
    created_at timestamptz not null,
    state text not null,
    attempts integer not null,
    detail text not null,
    updated_at timestamptz,
    version bigint not null,
    constraint legs_amount check (amount_minor > 0),
    constraint legs_state
        check (state in ('PENDING', 'SENT', 'UNKNOWN', 'ACCEPTED', 'SETTLED', 'EXCEPTION', 'RECALLED', 'REROUTED'))
) with (fillfactor = 70);
create index legs_account on legs (account_id, id);
comment on table legs is 'Payments to the outside world; the id is the idempotency key at the rail (PM-6).';

create trigger operations_append_only before update or delete on operations
    for each row execute function refuse_change();
create trigger operations_no_truncate before truncate on operations execute function refuse_change();
create trigger statements_append_only before update or delete on statements
    for each row execute function refuse_change();
create trigger statements_no_truncate before truncate on statements execute function refuse_change();
create trigger adjustments_append_only before update or delete on adjustments
    for each row execute function refuse_change();
create trigger adjustments_no_truncate before truncate on adjustments execute function refuse_change();

create view instalments as
    select a.account_id, a.order_id, (p.plan ->> 'shipment')::bigint shipment,
           (i.row ->> 0)::integer no, (i.row ->> 1)::date bill_date, (i.row ->> 2)::date due_date,
           (i.row ->> 3)::bigint principal_minor, (i.row ->> 6)::bigint paid_minor,
           (i.row ->> 7)::bigint refunded_minor, (i.row ->> 8)::bigint written_off_minor,
           (i.row ->> 3)::bigint - (i.row ->> 6)::bigint - (i.row ->> 7)::bigint - (i.row ->> 8)::bigint outstanding_minor,
           (i.row ->> 5)::bigint fee_minor, (i.row ->> 9)::bigint fee_paid_minor,
           (i.row ->> 10)::bigint late_minor, (i.row ->> 12)::boolean billed
    from agreements a,
         json_array_elements(a.plans) p (plan),
         json_array_elements(p.plan -> 'instalments') i (row);
comment on view instalments is 'The repayment tables of all agreements, one row for each instalment.';

create view holds as
    select a.account_id, a.order_id, a.state,
           (a.hold ->> 'authorized_at')::timestamptz authorized_at, (a.hold ->> 'expires_at')::timestamptz expires_at,
           t.tender,
           (a.hold -> 'authorized' ->> t.at)::bigint authorized_minor,
           (a.hold -> 'captured' ->> t.at)::bigint captured_minor,
           (a.hold -> 'released' ->> t.at)::bigint released_minor,
           (a.refunded ->> t.at)::bigint refunded_minor
    from agreements a, (values (0, 'CREDIT'), (1, 'WALLET'), (2, 'BANKCARD'), (3, 'COUPON')) t (at, tender);
comment on view holds is 'What each tender of an order authorized, captured, released and refunded in this book.';

create view statement_lines as
    select s.account_id, s.bill_date, line.row ->> 0 order_id, (line.row ->> 1)::integer no,
           (line.row ->> 2)::date due_date, (line.row ->> 3)::bigint principal_minor,
           (line.row ->> 4)::bigint fee_minor, (line.row ->> 5)::bigint late_minor
    from statements s, json_array_elements(s.lines) line (row);
