"""The nouns of the credit ledger: what is stored, asked, told and answered."""
