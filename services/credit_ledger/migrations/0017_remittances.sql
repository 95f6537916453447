-- migrate:up
-- What recycling channels call their remittances: a channel remits under one name once (P29). The names of before stand in events
-- only, so a channel that has remitted gets one row without a name, for its last one: those that are named are numbered on behind
-- it. Runs while older code runs; what that books meanwhile has no name, and `settle verify` says so.

create table remittances (
    id text primary key,
    channel text not null,
    number bigint not null,
    version bigint not null,
    constraint remittances_number unique (channel, number)
);
comment on table remittances is 'The names of remittances: "<channel>/<name>", and which one of its channel each is; without a name: of before.';
insert into remittances (id, channel, number, version) select id || '/', id, sequence, 1 from recycling_channels where sequence > 0;
create trigger remittances_append_only before update or delete on remittances
    for each row execute function refuse_change();
create trigger remittances_no_truncate before truncate on remittances execute function refuse_change();
