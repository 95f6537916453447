-- migrate:up
-- The sums of an agreement's years that are over: what is told of such a year later changes its sum, and may bring it above the
-- threshold. Runs after 0021. It makes the years that are over by now, from their events; of an agreement whose events are
-- pruned, only those that these still tell. Runs while older code runs: what that draws of a year that is over it counts
-- nowhere, as before, and a year that it closes the trigger keeps, which a later release drops. It rewrites no table.

create table agreement_years (
    id text primary key,
    agreement_id text not null references enterprise_agreements (id),
    year integer not null,
    redeemed_minor bigint not null,
    version bigint not null,
    seal bytea not null default '',
    constraint agreement_years_redeemed check (redeemed_minor >= 0),
    constraint agreement_years_named check (id = agreement_id || '/' || year)
) with (fillfactor = 70);
create index agreement_years_agreement on agreement_years (agreement_id, year);
comment on table agreement_years is 'The sums of business years that are over; version 0, and no seal: older code closed it.';
comment on column agreement_years.redeemed_minor is 'Faces that were accepted under it in the year, revoked ones too.';

create function keep_agreement_year() returns trigger language plpgsql as $$
begin
    insert into agreement_years (id, agreement_id, year, redeemed_minor, version)
    values (old.id || '/' || old.year, old.id, old.year, old.redeemed_minor, 0)
    on conflict (id) do nothing;
    return null;
end
$$;
create trigger enterprise_agreements_year after update on enterprise_agreements
    for each row when (old.year > 0 and old.year <> new.year) execute function keep_agreement_year();
comment on function keep_agreement_year is 'A process of the release before closes a year without a row of its own.';

-- The number in a field of a message of protobuf, 0 where it has none; below 2^63.
create function pg_temp.number_in(message bytea, field integer) returns numeric language plpgsql as $$
declare
    at integer := 0;
    tag numeric;
    said numeric;
    digit integer;
    weight numeric;
begin
    while at < length(message) loop
        tag := null;
        loop
            said := 0;
            weight := 1;
            loop
                digit := get_byte(message, at);
                at := at + 1;
                said := said + (digit & 127) * weight;
                weight := weight * 128;
                exit when digit < 128;
            end loop;
            exit when tag is not null;
            tag := said;
        end loop;
        if tag % 8 = 2 then
            at := at + said::integer;
        elsif div(tag, 8) = field then
            return said;
        end if;
    end loop;
    return 0;
end
$$;
insert into agreement_years (id, agreement_id, year, redeemed_minor, version)
select d.agreement_id || '/' || d.year, d.agreement_id, d.year, (array_agg(d.total order by d.sequence desc))[1], 0
from (
    select agreement_id, sequence, year, total, max(year) over (partition by agreement_id order by sequence) latest
    from (
        select a.id agreement_id, e.sequence, pg_temp.number_in(e.payload, 3)::integer as year,
               pg_temp.number_in(e.payload, 4)::bigint total
        from enterprise_agreements a join events e on e.aggregate_id = a.id
        where e.type = 'settlement.card_redemption.v1.AgreementDrawn'
    ) each
) d
join enterprise_agreements a on a.id = d.agreement_id
where d.year = d.latest and d.year < a.year
group by d.agreement_id, d.year;
