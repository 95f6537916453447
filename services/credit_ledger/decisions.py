"""The service's table: every message of the credit ledger and the pure rule that decides it (`domain/rules.py`)."""

from services.credit_ledger.domain.rules import RULES, TIMERS

__all__ = ["RULES", "TIMERS"]
