"""Every message of the credit ledger and the pure rule that decides it."""

from services.credit_ledger.decisions.rules import RULES, TIMERS

__all__ = ["RULES", "TIMERS"]
