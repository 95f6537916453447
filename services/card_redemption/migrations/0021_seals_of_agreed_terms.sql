-- migrate:up
-- Seals of what was agreed: the versions of a channel's terms, the agreements with enterprises and the batches that they revoke
-- (the runtime's 0009 says what seals are and how older code gets on with them). Once the events of their roots are pruned,
-- nothing else tells what was put in force. Runs after 0017 and after the runtime's 0009; it rewrites no table.

alter table channel_versions add column seal bytea not null default '';
alter table enterprise_agreements add column seal bytea not null default '';
alter table revocation_batches add column seal bytea not null default '';
select accept_unsealed(name) from unnest(array['channel_versions', 'enterprise_agreements', 'revocation_batches']) name;
