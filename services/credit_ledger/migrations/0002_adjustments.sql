-- migrate:up
-- What an adjustment by hand is dated, and of a posted journal its case and its lines. Runs after 0001; older code may still run.

alter table adjustments
    add column effective_date date,
    add column case_id text not null default '',
    add column lines json not null default '[]';
comment on column adjustments.lines is 'A list of [account, fen, debit positive]; empty where a refund or a leg was completed.';
