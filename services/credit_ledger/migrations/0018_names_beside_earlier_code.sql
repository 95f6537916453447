-- migrate:up
-- The names of remittances that older code books beside newer code, or booked since 0017: it tells the name in the event alone. A
-- trigger reads it there, so that no newer process takes it a second time, and `settle verify` misses none. Runs while older code
-- runs, and after 0017; a later release drops the trigger. A name that older code took twice has a row without a name of its own
-- ("/<channel>/<number>"), as has one whose event is gone. It rewrites no table.

-- The text in a field of a message of protobuf whose fields before it are texts; '' where it has none.
create function text_in(message bytea, field integer) returns text language plpgsql immutable as $$
declare
    place integer := 0;
    tag integer;
    size integer;
    shift integer;
begin
    while place < length(message) loop
        tag := get_byte(message, place);
        exit when tag & 7 <> 2 or tag >> 3 > field;
        size := 0;
        shift := 0;
        loop
            place := place + 1;
            size := size | ((get_byte(message, place) & 127) << shift);
            shift := shift + 7;
            exit when get_byte(message, place) < 128;
        end loop;
        if tag >> 3 = field then
            return convert_from(substring(message from place + 2 for size), 'UTF8');
        end if;
        place := place + 1 + size;
    end loop;
    return '';
end
$$;

create function name_remittance(channel_id text, place bigint) returns void language plpgsql as $$
declare
    name text := coalesce((select text_in(payload, 2) from events where aggregate_id = channel_id and sequence = place), '');
begin
    if exists (select from remittances where channel = channel_id and number = place) then
        return;
    end if;
    if name <> '' then
        insert into remittances (id, channel, number, version) values (channel_id || '/' || name, channel_id, place, 1)
        on conflict (id) do nothing;
        if found then
            return;
        end if;
    end if;
    insert into remittances (id, channel, number, version)
    values ('/' || channel_id || '/' || place, channel_id, place, 1);
end
$$;

create function name_last_remittance() returns trigger language plpgsql as $$
begin
    if new.sequence > 0 then
        perform name_remittance(new.id, new.sequence);
    end if;
    return null;
end
$$;
create trigger recycling_channels_named after insert or update on recycling_channels
    for each row execute function name_last_remittance();
comment on function name_last_remittance is 'A process of the release before books a remittance without a row for its name.';

select name_remittance(c.id, n.number)
from recycling_channels c
cross join lateral (select coalesce(max(number), 0) last from remittances where id = c.id || '/') before
cross join lateral generate_series(before.last + 1, c.sequence) n (number)
order by c.id, n.number;
