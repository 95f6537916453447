"""Settlements with merchants over both books: each book has its leg, and the shares they are taken from (DOMAIN 3.3, BK-5)."""

from services.audit.findings import BOOKS, CARD, ORDER, Check

CHECKS = (
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
           full join (select sub, amount_minor from audit_balances where account = 'L.MERCH.PAY') b on b.sub = s.merchant_id
           where coalesce(s.payable, 0) <> -coalesce(b.amount_minor, 0)""",
    ),
    Check(
        "merchants.claims", "no share of a merchant is claimed by a settlement that has ended, or by none", (CARD,),
        """select m.id, 'free', 'claimed by ' || m.pending_saga_id
           from merchant_shares m join audit_settlements s on s.id = m.pending_saga_id
           union all
           select m.id, 'nothing claimed', m.settling_minor::text
           from merchant_shares m
           left join merchant_shares r on r.id = m.merchant_id || '/00'
           where m.settling_minor <> 0 and r.pending_saga_id is null""",
    ),
    Check(
        "merchants.ends", "a settlement with a merchant says how its saga ended", (ORDER,),
        """select coalesce(m.settlement_id, s.id), coalesce(s.phase, 'no saga'), coalesce(m.state, 'no settlement')
           from merchant_settlements m
           full join (select id, phase from sagas where kind = 'merchant_settlement') s on s.id = m.settlement_id
           where m.state is distinct from case s.phase when 'DONE' then 'SETTLED' when 'ABORTED' then 'REFUSED' else 'SETTLING' end
              or s.id is null""",
    ),
)
