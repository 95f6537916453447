"""Gift cards: every value and every deposit is the projection of the entries of the card book (RA-7, BK-2)."""

from settle.audit.findings import CARD, Check

CHECKS = (
    Check(
        "cards.projection", "the value of every card is the sum of its entries", (CARD,),
        """select coalesce(c.id, b.sub), (-coalesce(b.amount_minor, 0))::text, coalesce(c.balance_minor, 0)::text
           from gift_cards c
           full join (select sub, amount_minor from audit_balances where account = 'L.GIFTCARD') b on b.sub = c.id
           where coalesce(c.balance_minor, 0) <> -coalesce(b.amount_minor, 0)""",
    ),
    Check(
        "cards.deposits", "what a card gave an order that has not shipped is the order's deposit", (CARD,),
        """select coalesce(t.order_id, b.sub), coalesce(t.standing, 0)::text, (-coalesce(b.amount_minor, 0))::text
           from (select order_id, deposited_minor::numeric - returned_minor - captured_minor standing
                 from card_tenders) t
           full join (select sub, amount_minor from audit_balances where account = 'L.DEPOSIT') b on b.sub = t.order_id
           where coalesce(t.standing, 0) <> -coalesce(b.amount_minor, 0)""",
    ),
    Check(
        "cards.merchants",
        "what the card book owes a merchant is what was captured, not settled, not used up by refunds",
        (CARD,),
        """select coalesce(t.merchant_id, b.sub), coalesce(t.owed, 0)::text, (-coalesce(b.amount_minor, 0))::text
           from (select merchant_id,
                        sum(captured_minor) - sum(coalesce(r.refunded, 0)) - coalesce(max(m.settled), 0) owed
                 from card_tenders
                 left join (select order_id, sum(amount_minor::numeric - uncovered_minor) refunded
                            from card_tender_refunds group by order_id) r
                     using (order_id)
                 left join (select sub, sum(amount_minor) settled from entries
                            where op = 'merchant_settle' and account = 'L.MERCH.PAY' group by sub) m
                     on m.sub = merchant_id
                 group by merchant_id) t
           full join (select sub, amount_minor from audit_balances where account = 'L.MERCH.PAY') b
               on b.sub = t.merchant_id
           where coalesce(t.owed, 0) <> -coalesce(b.amount_minor, 0)""",
    ),
    Check(
        "cards.refunds", "refunded <= captured, captured + returned <= deposited, nothing negative", (CARD,),
        """select t.order_id, 'refunded <= captured <= deposited - returned',
                  concat_ws(' ', coalesce(r.refunded, 0), t.captured_minor, t.deposited_minor, t.returned_minor)
           from card_tenders t
           left join (select order_id, sum(amount_minor) refunded,
                             min(least(amount_minor, uncovered_minor, amount_minor::numeric - uncovered_minor)) least
                      from card_tender_refunds group by order_id) r using (order_id)
           where coalesce(r.refunded, 0) > t.captured_minor or r.least < 0
              or t.captured_minor::numeric + t.returned_minor > t.deposited_minor""",
    ),
    Check(
        "cards.held", "a card's value is held only for what is not decided: an order, its own way into a wallet",
        (CARD,),
        """select c.id, 'nothing held', c.held_minor::text
           from gift_cards c
           left join (select card_id from card_tenders where pending_saga_id is not null
                      union select root from sagas where kind = 'card_close' and phase not in ('DONE', 'ABORTED')
           ) t on t.card_id = c.id
           where c.held_minor <> 0 and t.card_id is null""",
    ),
    Check(
        "cards.claims", "no tender is claimed by a settlement that has ended", (CARD,),
        """select t.order_id, 'free', 'claimed by ' || t.pending_saga_id
           from card_tenders t join audit_settlements s on s.id = t.pending_saga_id
           union all
           select order_id, 'a settlement and its instant, or neither',
                  concat_ws(' ', pending_saga_id, pending_tried_at)
           from card_tenders where (pending_saga_id is null) <> (pending_tried_at is null)""",
    ),
    Check(
        "cards.unposted", "an order that no journal names took nothing of a card", (CARD,),
        """select t.order_id, '0', concat_ws(' ', t.deposited_minor, t.returned_minor, t.captured_minor, t.refunds,
                                              t.version)
           from card_tenders t left join (select distinct order_id from journals) j on j.order_id = t.order_id
           where j.order_id is null and (t.deposited_minor, t.returned_minor, t.captured_minor, t.version,
                                         json_array_length(t.refunds)) <> (0, 0, 0, 0, 0)""",
        "the journals of the order were lost, or the row was made past the engine",
    ),
    Check(
        "cards.codes", "every code is of a number that its card has reached, another issuer's card of its own code; and"
        " what was redeemed had one", (CARD,),
        """select c.blind_index, coalesce('1 to ' || g.code_number, 'a card') || ' of ' || c.card_id, c.number::text
           from card_codes c left join gift_cards g on g.id = c.card_id
           where g.id is null or c.number not between 1 and g.code_number
              or (g.issuer <> '' and g.id <> 'fcd_' || c.blind_index)
           union all
           select 'card_codes of ' || r.card_id, 'a code, for ' || min(r.id), 'none'
           from redemption_orders r
           where not exists (select from card_codes c where c.card_id = r.card_id)
             and not exists (select from card_codes c where c.blind_index = substr(r.card_id, 5))
           group by r.card_id""",
        "the code was changed, or deleted, past the engine",
    ),
    Check(
        "cards.events", "the last event of a card has the number that the card says", (CARD,),
        """select c.id, c.sequence::text, coalesce(e.last, 0)::text
           from gift_cards c
           left join (select aggregate_id, max(sequence) last from events group by aggregate_id) e
               on e.aggregate_id = c.id
           where coalesce(e.last, 0) <> c.sequence""",
    ),
    Check(
        "cards.versions", "no journal was posted at a version that its card has not reached", (CARD,),
        """select c.id, 'at most ' || c.version, j.last::text
           from gift_cards c join (select root, max(root_version) last from journals group by root) j on j.root = c.id
           where j.last > c.version""",
    ),
)

QUIET = (
    Check(
        "orders.card_tenders", "per order: captured, released and refunded are what card_redemption did", (CARD,),
        """select o.id, concat_ws(' ', o.amount_minor, o.captured_minor, o.released_minor, o.refunded_minor),
                  coalesce(concat_ws(' ', t.deposited_minor, t.captured_minor, t.returned_minor,
                                     coalesce(r.refunded, 0)), '-')
           from audit_orders o
           left join card_tenders t on t.order_id = o.id
           left join (select order_id, sum(amount_minor) refunded from card_tender_refunds group by order_id) r
               on r.order_id = o.id
           where o.state not in ('REJECTED', 'PLACING')
             and (o.amount_minor, o.captured_minor, o.released_minor, o.refunded_minor)
                 is distinct from (t.deposited_minor, t.captured_minor, t.returned_minor, coalesce(r.refunded, 0))""",
    ),
    Check(
        "orders.card_returned", "a cancelled, expired or rejected order keeps nothing of a card (I-1)", (CARD,),
        """select o.id || ' ' || o.state, '0', (t.deposited_minor::numeric - t.returned_minor - t.captured_minor)::text
           from audit_orders o join card_tenders t on t.order_id = o.id
           where o.state in ('CANCELLED', 'PAYMENT_EXPIRED', 'REJECTED')
             and t.deposited_minor::numeric - t.returned_minor - t.captured_minor <> 0""",
    ),
)
