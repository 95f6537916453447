"""Settlements with merchants: each book has its leg, and the shares they are taken from (DOMAIN 3.3, BK-5)."""

from settle.audit.findings import BOOKS, CARD, ORDER, Check

CHECKS = (
    Check(
        "merchants.rooted", "every journal under a share is of a share that is there", BOOKS,
        """select 'journal ' || root || '/' || root_version || '/' || no || ' ' || op, 'a share of a merchant', 'none'
           from journals j
           where root like '%/%' and not exists (select from merchant_shares s where s.id = j.root)""",
        cause="the share was deleted by hand with what told of it, or the journal was posted by hand",
    ),
    Check(
        "merchants.settled", "a committed settlement with a merchant moved its amount between the books", BOOKS,
        """select s.id, s.gift_minor::text, coalesce(e.cleared, 0)::text
           from audit_settlements s
           left join (select saga_id, abs(sum(amount_minor)) cleared from entries
                      where account = 'X.CLEARING' and op = 'merchant_settle' and sub = saga_id group by saga_id) e
               on e.saga_id = s.id
           where s.decision = 'COMMIT' and s.kind = 'merchant_settlement' and s.gift_minor <> coalesce(e.cleared, 0)""",
    ),
    Check(
        "merchants.card_shares", "what the shares of a merchant say in the card book is what is booked", (CARD,),
        """select coalesce(s.merchant_id, b.sub), (-coalesce(b.amount_minor, 0))::text, coalesce(s.payable, 0)::text
           from (select merchant_id, sum(payable_minor) payable from merchant_shares group by merchant_id) s
           full join (select sub, amount_minor from audit_balances where account = 'L.MERCH.PAY') b
               on b.sub = s.merchant_id
           where coalesce(s.payable, 0) <> -coalesce(b.amount_minor, 0)""",
    ),
    Check(
        "merchants.claims", "no share of a merchant is claimed by a settlement that has ended, or by none", (CARD,),
        """select m.id, 'free', 'claimed by ' || m.pending_saga_id
           from merchant_shares m join audit_settlements s on s.id = m.pending_saga_id
           union all
           select id, 'a settlement and its instant, or neither', concat_ws(' ', pending_saga_id, pending_tried_at)
           from merchant_shares where (pending_saga_id is null) <> (pending_tried_at is null)
           union all
           select m.id, 'nothing claimed', m.settling_minor::text
           from merchant_shares m
           left join merchant_shares r on r.id = m.merchant_id || '/00'
           where m.settling_minor <> 0 and r.pending_saga_id is null
           union all
           select m.merchant_id, coalesce(t.covering, 0)::text, m.refunding::text
           from (select merchant_id, sum(refunding_minor) refunding from merchant_shares group by merchant_id) m
           left join (select merchant_id, sum(covering_minor) covering from card_tenders
                      where pending_saga_id is not null group by merchant_id) t using (merchant_id)
           where m.refunding <> coalesce(t.covering, 0)""",
    ),
    Check(
        "merchants.covered", "a merchant is never owed less than nothing, nor less than what is claimed of it", (CARD,),
        """select id, 'at least ' || (settling_minor::numeric + refunding_minor), payable_minor::text
           from merchant_shares where payable_minor < settling_minor::numeric + refunding_minor""",
    ),
    Check(
        "merchants.clawed_back", "a refund of a gift card went over X.CLEARING as far as its merchant was paid already",
        (CARD,),
        """select coalesce(r.order_id, c.order_id), coalesce(r.uncovered, 0)::text, coalesce(c.cleared, 0)::text
           from (select order_id, sum(uncovered_minor) uncovered from card_tender_refunds group by order_id) r
           full join (select order_id, sum(amount_minor) cleared from entries
                      where account = 'X.CLEARING' and op in ('refund', 'refund_accept', 'refund_reverse')
                      group by order_id) c using (order_id)
           where coalesce(r.uncovered, 0) <> coalesce(c.cleared, 0)""",
    ),
    Check(
        "merchants.ends", "a settlement with a merchant says how its saga ended, and what it was to move", (ORDER,),
        """select coalesce(m.id, s.root) || ' ' || coalesce(m.settlement_id, s.id),
                  coalesce(s.phase || ' ' || s.giftcard_minor, 'no saga'),
                  coalesce(m.state || ' ' || m.amount_minor, 'no settlement')
           from merchant_settlements m
           full join (select settlement_id id, root, phase, giftcard_minor from settlements
                      where kind = 'merchant_settlement') s on s.id = m.settlement_id
           where m.state is distinct from case s.phase when 'DONE' then 'SETTLED' when 'ABORTED' then 'REFUSED'
                                          else 'SETTLING' end
              or s.id is null or (m.id, m.merchant_id, m.amount_minor)
                                 is distinct from (s.root, split_part(s.root, '/', 1), s.giftcard_minor)""",
    ),
)
