"""Every message of the credit ledger and the pure rule that decides it.

The inputs of accounts are rows of `domain/log/inputs.py`; here is who may decide them, and when.
"""

from services.credit_ledger.decisions.channels import CHANNELS
from services.credit_ledger.decisions.merchants import MERCHANTS
from services.credit_ledger.decisions.participants import participant
from services.credit_ledger.decisions.payouts import SWITCH
from services.credit_ledger.decisions.previews import PREVIEWS
from services.credit_ledger.decisions.reconciling import RECONCILIATION, standing
from services.credit_ledger.decisions.timers import TIMERS
from services.credit_ledger.decisions.writers import opening, writer
from services.credit_ledger.domain.log.inputs import OF_CALLERS, OF_SAGAS, OPENING
from services.kernel.decision import rules
from services.kernel.notices import ACKNOWLEDGED

__all__ = ["RULES", "TIMERS", "standing"]

RULES = rules(
    *(participant(row) for row in OF_SAGAS), opening(OPENING), *(writer(row) for row in OF_CALLERS), *PREVIEWS,
    *MERCHANTS, *CHANNELS, *SWITCH, *RECONCILIATION, ACKNOWLEDGED,
)
"""By the type of the body."""
