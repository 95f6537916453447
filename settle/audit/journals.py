"""The books themselves: every journal balances in its one unit, and each book sums to zero (BK-1, DOMAIN 3.4)."""

from settle.audit.findings import BOOKS, CARD, CREDIT, ORDER, Check

CHECKS = (
    Check(
        "journals.balance", "every journal sums to zero", BOOKS,
        """select j.root || '/' || j.root_version || '/' || j.no, '0', s.amount::text
           from journals j
           cross join lateral (select coalesce(sum(a), 0) amount from unnest(j.amounts) a) s
           where s.amount <> 0""",
    ),
    Check(
        "journals.shape", "every journal has lines, each with an account, a sub-account and an amount", BOOKS,
        """select root || '/' || root_version || '/' || no, 'lines of equal length, none of 0',
                  cardinality(accounts) || ' accounts, ' || cardinality(subs) || ' subs, '
                      || cardinality(amounts) || ' amounts'
           from journals
           where cardinality(accounts) = 0 or cardinality(accounts) <> cardinality(subs)
              or cardinality(accounts) <> cardinality(amounts) or 0 = any (amounts) or unit not in ('CNY', 'LIMIT')""",
    ),
    Check(
        "journals.units", "limit accounts are posted in LIMIT, all others in CNY", (CREDIT,),
        """select unit || ' ' || account, case when account like 'LIM.%' then 'LIMIT' else 'CNY' end, unit
           from audit_balances where (unit = 'LIMIT') <> (account like 'LIM.%')""",
    ),
    Check(
        "journals.units", "limits are booked in the credit ledger alone", (CARD,),
        "select unit || ' ' || account, 'CNY', unit from audit_balances where unit = 'LIMIT' or account like 'LIM.%'",
    ),
    Check(
        "journals.ordinals", "the journals of one decision are numbered from 0 without a gap", BOOKS,
        """select root || '/' || root_version, '0..' || count(*) - 1, min(no) || '..' || max(no)
           from journals group by root, root_version having min(no) <> 0 or max(no) <> count(*) - 1""",
    ),
    Check(
        "journals.elsewhere", "only the two books have journals (BK-1)", (ORDER,),
        """select 'journal ' || root || '/' || root_version || '/' || no, 'none: no book is kept here', op
           from journals""",
        cause="the journal was posted by hand, in the wrong database",
    ),
    Check(
        "books.zero", "each book sums to zero per unit", BOOKS,
        """select unit, '0', sum(amount_minor)::text from audit_balances group by unit having sum(amount_minor) <> 0""",
    ),
)
