"""The company's side of the credit book: merchants, and money on its way to or from the outside (OP-3, PM-1, PM-6)."""

from settle.audit.findings import CREDIT, Check

CHECKS = (
    Check(
        "merchants.projection", "what the shares of a merchant say is what is booked", (CREDIT,),
        """select coalesce(s.merchant_id, b.sub) || ' ' || v.name, v.booked::text, v.stored::text
           from (select merchant_id, sum(payable_minor) payable, sum(receivable_minor) receivable
                 from merchant_shares group by merchant_id) s
           full join (
               select sub, -sum(amount_minor) filter (where account = 'L.MERCH.PAY') payable,
                      sum(amount_minor) filter (where account = 'A.MERCH.RECV') receivable
               from audit_balances where account in ('L.MERCH.PAY', 'A.MERCH.RECV') group by sub
           ) b on b.sub = s.merchant_id
           cross join lateral (values
               ('payable', coalesce(s.payable, 0), coalesce(b.payable, 0)),
               ('receivable', coalesce(s.receivable, 0), coalesce(b.receivable, 0))
           ) v (name, stored, booked)
           where v.stored <> v.booked""",
    ),
    Check(
        "rails.transit", "what is in transit to cards and payout instruments is the sum of the open legs", (CREDIT,),
        """select t.account, t.open::text, coalesce(b.amount, 0)::text
           from (select case rail when 'CARD' then 'L.REFUND.TRANSIT.CARD' else 'L.PAYOUT.TRANSIT' end account,
                        coalesce(sum(amount_minor), 0) open
                 from (select l.rail, l.amount_minor::numeric - l.counted_minor from legs l
                       where l.state not in ('SETTLED', 'RECALLED', 'REROUTED') and l.ended <> 'KEPT'
                         and l.payout_id = ''
                         and not exists (select from operations o
                                         where o.account_id = l.account_id and o.reference = l.id
                                           and o.kind = 'ReturnBankDeposit')
                       union all values ('CARD', 0), ('PAYOUT', 0)) l (rail, amount_minor)
                 group by rail) t
           left join (select account, -sum(amount_minor) amount from audit_balances b
                      where not exists (select from payouts p where p.id = b.sub) group by account) b
               on b.account = t.account
           where t.open <> coalesce(b.amount, 0)""",
    ),
    Check(
        "payouts.booked",
        "of a redemption's payout this book took what paid a debt and, once it is paid, all of it out of its transit",
        (CREDIT,),
        """select 'payout ' || p.id || ' ' || p.state, d.due::text, coalesce(b.amount, 0)::text
           from payouts p
           cross join lateral (select case when p.state in ('SETTLED', 'REROUTED') then p.amount_minor
                                           else p.netted_minor end due) d
           left join (select sub, sum(amount_minor) amount from audit_balances
                      where account = 'L.PAYOUT.TRANSIT' group by sub) b on b.sub = p.id
           where d.due <> coalesce(b.amount, 0)""",
        "a payout was ended without its journal, or a journal was posted, changed or lost past the engine",
    ),
    Check(
        "payouts.legs", "a redemption's payout is as far as its legs are, and has as many as it tried (PM-3)",
        (CREDIT,),
        """select 'payout ' || coalesce(p.id, l.payout_id), concat_ws(' ', p.state, p.attempts, 'legs'),
                  concat_ws(' ', coalesce(l.state, 'no leg'), coalesce(l.legs, 0), 'legs')
           from payouts p
           full join (select payout_id, count(*) legs, count(*) filter (where ended <> 'REPLACED') carrying,
                             max(case when ended = 'REROUTED' then 'REROUTED' when state = 'SETTLED' then 'SETTLED'
                                      else 'SENT' end) filter (where ended <> 'REPLACED') state
                      from legs where payout_id <> '' group by payout_id) l on l.payout_id = p.id
           where p.id is null or coalesce(l.legs, 0) <> p.attempts or coalesce(l.carrying, 0) > 1
              or l.carrying = 1 and l.state <> p.state
              or coalesce(l.carrying, 0) = 0 and (
                 p.state in ('SENT', 'REROUTED')
                 or p.state = 'SETTLED' and p.method <> 'WALLET' and p.netted_minor < p.amount_minor)""",
        "a payout or a leg of it was changed, made or lost past the engine",
    ),
    Check(
        "rails.deposits", "the bank payment of a rejected order went to the rail once, as its settlement says (PM-5)",
        (CREDIT,),
        """select s.id, s.deposit_minor::text, coalesce(l.amount_minor::text, 'no leg')
           from audit_settlements s
           left join operations o on o.saga_id = s.id and o.kind = 'ReturnBankDeposit'
           left join legs l on l.id = o.reference
           where s.kind = 'deposit_return' and s.decision = 'COMMIT'
             and l.amount_minor is distinct from s.deposit_minor""",
    ),
    Check(
        "rails.adjusted", "what people settled by hand was booked once, and its adjustment is on record (MA-3)",
        (CREDIT,),
        """select l.id, 'SETTLED by an adjustment', l.state || ' by ' || coalesce(a.id, 'none')
           from legs l left join adjustments a on l.detail = 'settled by hand: ' || a.id
           where l.detail like 'settled by hand: %' and (a.id is null or l.state <> 'SETTLED')""",
    ),
    Check(
        "rails.flash", "what the flash network has not confirmed is in transit", (CREDIT,),
        """select 'L.REFUND.TRANSIT.FLASH', t.open::text, t.booked::text
           from (select (select coalesce(sum(credit_minor), 0) from credit_refund_tenders
                         where state in ('PENDING_CHANNEL', 'EXCEPTION')) open,
                        (select -coalesce(sum(amount_minor), 0) from audit_balances
                         where account = 'L.REFUND.TRANSIT.FLASH') booked) t
           where t.open <> t.booked""",
    ),
    Check(
        "rails.room", "refunds of one payment never sum above it at the rail (PM-7)", (CREDIT,),
        """select h.order_id, 'at most ' || h.authorized_minor, l.at_rail::text
           from (select order_id, sum(amount_minor::numeric - counted_minor) at_rail from legs
                 where rail = 'CARD' and word in ('SILENT', 'ACCEPTED', 'PAID') and state <> 'WAITING'
                 group by order_id) l
           join holds h on h.order_id = l.order_id and h.tender = 'BANKCARD'
           where l.at_rail > h.authorized_minor""",
    ),
    Check(
        "rails.counted", "what of a payment counts for later legs is what those legs count of earlier ones (PM-7)",
        (CREDIT,),
        """select order_id, sum(counted_minor)::text, sum(used_minor)::text
           from legs where used_minor <> 0 or counted_minor <> 0
           group by order_id having sum(counted_minor) <> sum(used_minor)""",
    ),
    Check(
        "suspense.zero", "what waits in suspense carries a case that two people opened (P22)", (CREDIT,),
        """select account || ' ' || sub, '0, or a case', amount_minor::text from audit_balances
           where account = 'X.SUSPENSE' and amount_minor <> 0
             and not exists (select from adjustments a where a.case_id = sub and sub <> '')""",
    ),
)
