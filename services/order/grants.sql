-- What the role of the order service may do beside what services/runtime/grants.sql says, which tells how it is applied.
grant insert, update on sagas, orders, return_cases, merchant_settlements, refund_days to :"service";
