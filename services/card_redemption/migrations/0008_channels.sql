-- migrate:up
-- Recycling channels and working days as data: what is in force, what waits for a second person, and every version of a
-- channel's terms. Runs after 0005 (0006 and 0007 touch other tables); older code may run before it and after it. The
-- rows of the release come by timers at the first start.

create table channels (
    id text primary key,
    in_force bigint not null,
    proposals bigint not null,
    proposal json,
    sequence bigint not null,
    version bigint not null,
    events_head bytea not null,
    constraint channels_numbers check (in_force >= 0 and proposals >= 0)
);
comment on column channels.proposal is 'Terms that wait: {number, terms, proposed_by, proposed_at}; of the terms see channel_versions.';

create table channel_versions (
    channel text not null references channels (id),
    number bigint not null,
    terms json not null,
    proposed_by text not null,
    approved_by text not null,
    since timestamptz not null,
    constraint channel_versions_key primary key (channel, number),
    constraint channel_versions_number check (number > 0)
);
comment on column channel_versions.terms is 'A ChannelPolicy by the names of its fields; spans of time are ISO 8601.';
create trigger channel_versions_append_only before update or delete on channel_versions
    for each row execute function refuse_change();
create trigger channel_versions_no_truncate before truncate on channel_versions execute function refuse_change();

create table calendars (
    id text primary key,
    year integer not null,
    number bigint not null,
    exceptions json not null,
    proposed_by text not null,
    approved_by text not null,
    since timestamptz,
    proposals bigint not null,
    proposal json,
    sequence bigint not null,
    version bigint not null,
    events_head bytea not null,
    constraint calendars_id check (id = 'cal_' || year),
    constraint calendars_in_force check ((number > 0) = (since is not null) and number >= 0 and proposals >= 0)
);
comment on column calendars.exceptions is 'Dates of a year that are not as Monday to Friday: {holidays, worked}.';
