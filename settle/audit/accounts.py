"""Credit accounts: all that a customer sees is the projection of the entries, and the limits add up (DOMAIN 3.4)."""

from settle.audit.findings import CREDIT, Check
from settle.audit.sagas import of_both

_OWN = """('LIM.AVAIL', 'LIM.HELD', 'LIM.USED', 'LIM.GRANT', 'L.CUST.WALLET', 'L.CREDITBAL', 'A.CUST.RECV',
            'A.LOAN.P.UNBILLED', 'A.LOAN.P.BILLED', 'A.LOAN.FEE', 'A.LOAN.LATE')"""

CHECKS = (
    Check(
        "accounts.projection",
        "limits (available + held + used = granted), wallet, credit balance, receivable are the sums of their entries",
        (CREDIT,),
        """select a.id || ' ' || v.name, v.booked::text, v.stored::text
           from credit_accounts a
           left join (
               select sub, sum(amount_minor) filter (where account = 'LIM.AVAIL') available,
                      sum(amount_minor) filter (where account = 'LIM.HELD') held,
                      sum(amount_minor) filter (where account = 'LIM.USED') used,
                      -sum(amount_minor) filter (where account = 'LIM.GRANT') granted,
                      -sum(amount_minor) filter (where account = 'L.CUST.WALLET') wallet,
                      -sum(amount_minor) filter (where account = 'L.CREDITBAL') credit_balance,
                      sum(amount_minor) filter (where account = 'A.CUST.RECV') receivable
               from audit_balances group by sub
           ) b on b.sub = a.id
           cross join lateral (values
               ('available', a.granted_minor::numeric - a.held_minor - a.used_minor, coalesce(b.available, 0)),
               ('held', a.held_minor, coalesce(b.held, 0)), ('used', a.used_minor, coalesce(b.used, 0)),
               ('granted', a.granted_minor, coalesce(b.granted, 0)), ('wallet', a.wallet_minor, coalesce(b.wallet, 0)),
               ('credit balance', a.credit_balance_minor, coalesce(b.credit_balance, 0)),
               ('receivable', a.receivable_minor, coalesce(b.receivable, 0))
           ) v (name, stored, booked)
           where v.stored <> v.booked""",
    ),
    Check(
        "accounts.sound", "no limit, wallet or balance is negative", (CREDIT,),
        """select id, 'nothing below 0', concat_ws(' ', granted_minor::numeric - held_minor - used_minor, held_minor,
                                                  used_minor, wallet_minor, credit_balance_minor, receivable_minor)
           from credit_accounts
           where least(granted_minor::numeric - held_minor - used_minor, held_minor, used_minor, wallet_minor,
                       credit_balance_minor, receivable_minor) < 0""",
    ),
    Check(
        "accounts.known", "what is booked to a customer belongs to an account that exists", (CREDIT,),
        f"""select b.account || ' ' || b.sub, 'an account', b.amount_minor::text
            from audit_balances b left join credit_accounts a on a.id = b.sub
            where b.account in {_OWN} and a.id is null""",
    ),
    Check(
        "accounts.log", "the log of an account is numbered 1..n, and n is what the account says", (CREDIT,),
        """select a.id, a.operations::text,
                  coalesce(o.first, 0) || '..' || coalesce(o.last, 0) || ', ' || coalesce(o.count, 0)
           from credit_accounts a
           left join (select account_id, min(number) first, max(number) last, count(*) count
                      from operations group by account_id) o on o.account_id = a.id
           where (coalesce(o.last, 0), coalesce(o.count, 0)) <> (a.operations, a.operations)
              or a.operations > 0 and o.first <> 1""",
    ),
    Check(
        "accounts.events", "the last event of an account has the number that the account says", (CREDIT,),
        """select a.id, a.sequence::text, coalesce(e.last, 0)::text
           from credit_accounts a
           left join (select aggregate_id, max(sequence) last from events group by aggregate_id) e
               on e.aggregate_id = a.id
           where coalesce(e.last, 0) <> a.sequence""",
    ),
    Check(
        "accounts.versions", "no journal was posted at a version that its root has not reached", (CREDIT,),
        """select a.id, 'at most ' || a.version, j.last::text
           from credit_accounts a
           join (select root, max(root_version) last from journals group by root) j on j.root = a.id
           where j.last > a.version""",
    ),
    Check(
        "accounts.claims", "no account is claimed by a settlement that has ended", (CREDIT,),
        f"""select a.id, 'free', 'claimed by ' || a.pending_saga_id
            from credit_accounts a join ({of_both(CREDIT)}) s on s.id = a.pending_saga_id
            union all
            select id, 'a settlement and its instant, or neither', concat_ws(' ', pending_saga_id, pending_tried_at)
            from credit_accounts where (pending_saga_id is null) <> (pending_tried_at is null)""",
    ),
)
