"""The credit ledger: credit accounts, agreements, statements, wallet and the main book."""
