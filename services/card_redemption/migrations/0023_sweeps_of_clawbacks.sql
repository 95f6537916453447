-- migrate:up
-- A face that was corrected downwards brings value back to a card that its redemption has written off (P32), where nobody can use
-- it: from now on the correction sets the timer that brings it into the wallet of its owner (PM-3). Cards of before get theirs, due
-- at once. Runs while older code runs, which knows the timer; a database that no service has run on has no such card. The
-- partition is zlib's crc32 of the card's id, as for every root.

do $$
declare
    partitions integer := (select value::integer from runtime_facts where name = 'partitions');
    card record;
    crc bigint;
begin
    for card in
        select id, convert_to(id, 'UTF8') bytes from gift_cards c
        where balance_minor > held_minor and issuer = '' and coalesce(frozen_from, standing) = 'WRITTEN_OFF'
          and exists (select from journals j where j.root = c.id and j.op = 'face_clawback')
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
