"""Pure rules of the credit ledger: frozen data in, frozen data out; standard library only."""
