-- migrate:up
-- Value that came back to a card that nobody can use any more goes into the wallet of its owner (PM-3): the return sets the timer
-- that looks after it. Cards to which something came back before that was so have none: they get theirs, due at once. Only where
-- nothing else can be on the card: one that is written off may keep what its redemption left there (P31). Runs while older code
-- runs, which knows the timer; a database that no service has run on has no such card. The partition is zlib's crc32 of the
-- card's id, as for every root.

do $$
declare
    partitions integer := (select value::integer from runtime_facts where name = 'partitions');
    card record;
    crc bigint;
begin
    for card in
        select id, convert_to(id, 'UTF8') bytes from gift_cards
        where balance_minor > held_minor and issuer = '' and coalesce(frozen_from, standing) in ('CLOSED', 'VOID')
    loop
        crc := 4294967295;
        for at in 0 .. octet_length(card.bytes) - 1 loop
            crc := crc # get_byte(card.bytes, at);
            for bit in 1 .. 8 loop
                crc := (crc >> 1) # case when crc & 1 = 1 then 3988292384 else 0 end;
            end loop;
        end loop;
        insert into timers (kind, key, root, partition, due_at)
        values ('card_sweep', card.id, card.id, (crc # 4294967295) % partitions, now())
        on conflict (kind, key) do nothing;
    end loop;
end
$$;
