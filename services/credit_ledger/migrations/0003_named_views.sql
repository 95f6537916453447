-- migrate:up
-- Names for the places of the lists that agreements and refunds carry, so that whoever reads them with SQL never counts.
-- Runs after 0002. It makes and replaces views only: older code may run before it and after it.
-- A list is read as jsonb, once: `offset 0` keeps PostgreSQL from working it out again at every use of a column.

create or replace view instalments as
    select a.account_id, a.order_id, i.shipment, i.no, i.bill_date, i.due_date, i.principal_minor, i.paid_minor,
           i.refunded_minor, i.written_off_minor,
           i.principal_minor - i.paid_minor - i.refunded_minor - i.written_off_minor outstanding_minor,
           i.fee_minor, i.fee_paid_minor, i.late_minor, i.billed, i.fee_initial_minor, i.late_through
    from agreements a
    cross join lateral (select a.plans::jsonb plans offset 0) stored
    cross join lateral (
        select (plan ->> 'shipment')::bigint shipment,
               (item ->> 0)::integer no, (item ->> 1)::date bill_date, (item ->> 2)::date due_date,
               (item ->> 3)::bigint principal_minor, (item ->> 4)::bigint fee_initial_minor,
               (item ->> 5)::bigint fee_minor, (item ->> 6)::bigint paid_minor, (item ->> 7)::bigint refunded_minor,
               (item ->> 8)::bigint written_off_minor, (item ->> 9)::bigint fee_paid_minor,
               (item ->> 10)::bigint late_minor, (item ->> 11)::date late_through, (item ->> 12)::boolean billed
        from jsonb_array_elements(stored.plans) plan, jsonb_array_elements(plan -> 'instalments') item
        offset 0
    ) i;

create view agreement_plans as
    select a.account_id, a.order_id, (plan ->> 'shipment')::bigint shipment,
           (plan ->> 'captured_at')::timestamptz captured_at, (plan ->> 'principal_minor')::bigint principal_minor
    from agreements a, json_array_elements(a.plans) plan;
comment on view agreement_plans is 'The plans of all agreements, one row for each shipment; the view instalments has their parts.';

create or replace view holds as
    select a.account_id, a.order_id, a.state,
           (stored.hold ->> 'authorized_at')::timestamptz authorized_at,
           (stored.hold ->> 'expires_at')::timestamptz expires_at, t.tender,
           (stored.hold -> 'authorized' ->> t.at)::bigint authorized_minor,
           (stored.hold -> 'captured' ->> t.at)::bigint captured_minor,
           (stored.hold -> 'released' ->> t.at)::bigint released_minor,
           (stored.refunded ->> t.at)::bigint refunded_minor
    from agreements a
    cross join lateral (select a.hold::jsonb hold, a.refunded::jsonb refunded offset 0) stored
    cross join (values (0, 'CREDIT'), (1, 'WALLET'), (2, 'BANKCARD'), (3, 'COUPON')) t (at, tender);

create view credit_refund_tenders as
    select r.id refund_id, r.account_id, r.order_id, r.state,
           (r.tenders ->> 0)::bigint credit_minor, (r.tenders ->> 1)::bigint wallet_minor,
           (r.tenders ->> 2)::bigint bank_minor, (r.tenders ->> 3)::bigint coupon_minor
    from credit_refunds r;
comment on view credit_refund_tenders is 'What the refunds through the flash network give back, by tender.';
