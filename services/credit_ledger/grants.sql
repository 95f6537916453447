-- What the role of the credit ledger may do beside what services/runtime/grants.sql says, which tells how it is applied.
-- The log of an account, its statements and its adjustments, and the names of remittances are only added to.
grant insert, update, delete on notices to :"service";
grant insert on operations, statements, adjustments, remittances to :"service";
grant insert, update on credit_accounts, agreements, merchant_shares, payment_references, repayments, credit_refunds, legs,
    reconciliations, rail_differences, payouts, payout_switches, recycling_channels to :"service";
