-- migrate:up
-- The headers of what waits in the outbox have a short form (services/runtime/ground/headers.py), which processes of before
-- cannot read: they would leave behind what a dead lane left. So where none has ever run, it is written at once; elsewhere from
-- the next sessions of the lanes on after shorten_outbox() is called, by the owner of the tables, once the last older process
-- has stopped. Both forms are read everywhere, so it need never be called.
create function shorten_outbox() returns void language sql as $$
    insert into runtime_facts (name, value) values ('outbox', 'short')
    on conflict (name) do update set value = excluded.value
$$;
select shorten_outbox() from lane_ids where not is_called;
