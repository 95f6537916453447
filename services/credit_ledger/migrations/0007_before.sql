-- migrate:up
-- What an operation replaced, so that a reversal reads the log since its refund and not the whole log. Runs after 0006; an
-- older process may still run: it leaves the column empty, and a reversal over such an operation reads the whole log.

alter table operations add column before json;
comment on column operations.before is
    'The agreements that it changed, as they were, and of a refund the account; a list that begins with the version of its shape.';
