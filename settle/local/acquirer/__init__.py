"""The sandbox acquirer: stands for the bank-card network, with a ledger of its own and faults on request."""
