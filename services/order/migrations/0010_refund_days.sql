-- migrate:up
-- What was given back in a day, for limits by customer and by merchant. Runs after 0009; older code neither reads nor
-- writes it, so what it begins beside newer processes is not counted.

create table refund_days (
    id text primary key,
    day date not null,
    refunds bigint not null,
    amount_minor bigint not null,
    version bigint not null,
    seal bytea not null,
    constraint refund_days_counted check (refunds > 0 and amount_minor > 0)
);
