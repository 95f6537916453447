-- migrate:up
-- The codes of cards, and the permanent record of every attempt (RD-1, RD-31). Runs after 0006; no older code runs then.
-- The record is append-only: a trigger lets a row be chained once, by the sealer, and refuses every other change of it.
-- What was done before there was a record is not in it: `record_since` says until when.

create table card_codes (
    blind_index text primary key,
    card_id text not null references gift_cards (id),
    number bigint not null,
    last4 text not null,
    key_version integer not null,
    wrapped_key bytea not null,
    sealed bytea not null,
    version bigint not null,
    constraint card_codes_number unique (card_id, number)
);
create index card_codes_key_version on card_codes (key_version, blind_index);
comment on table card_codes is 'Codes as envelopes; the blind index is a keyed hash. Only the last number of a card is good.';

create table record_volumes (
    id text primary key,
    attempts bigint not null,
    attempts_head bytea not null
);
comment on table record_volumes is 'The record in volumes: how many attempts one has, and the head of its chain, which the next goes on from.';

create table attempts (
    id bigint generated always as identity primary key,
    request_id text not null,
    at timestamptz not null,
    actor text not null,
    channel text not null,
    kind text not null,
    outcome text not null,
    reason text not null,
    card_id text not null,
    order_id text not null,
    volume text references record_volumes (id),
    number bigint,
    link bytea,
    constraint attempts_place unique (volume, number),
    constraint attempts_sealed check ((volume is null) = (number is null) and (volume is null) = (link is null))
);
create index attempts_unsealed on attempts (id) where volume is null;
create index attempts_card on attempts (card_id, id);
create index attempts_actor on attempts (actor, id);
create index attempts_wrong on attempts (actor, at) where reason = 'CODE_REJECTED';
comment on table attempts is 'Every attempt, whatever became of it, for ever; volume, number and link are set once, when it is sealed.';

create table record_since (at timestamptz primary key);
insert into record_since (at) select coalesce(max(at), 'epoch') from events;

create function keep_record() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.volume is null
       and (new.id, new.request_id, new.at, new.actor, new.channel, new.kind, new.outcome, new.reason, new.card_id, new.order_id)
         = (old.id, old.request_id, old.at, old.actor, old.channel, old.kind, old.outcome, old.reason, old.card_id, old.order_id)
    then
        return new;
    end if;
    raise exception 'the permanent record is only appended to' using errcode = 'insufficient_privilege';
end
$$;
create trigger attempts_stay before update or delete on attempts for each row execute function keep_record();
create trigger attempts_are_not_emptied before truncate on attempts for each statement execute function keep_record();

create function keep_volumes() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.id = old.id and new.attempts > old.attempts then
        return new;
    end if;
    raise exception 'the permanent record is only appended to' using errcode = 'insufficient_privilege';
end
$$;
create trigger volumes_stay before update or delete on record_volumes for each row execute function keep_volumes();
create trigger volumes_are_not_emptied before truncate on record_volumes for each statement execute function keep_volumes();
revoke delete, truncate on attempts, record_volumes, record_since from public;
