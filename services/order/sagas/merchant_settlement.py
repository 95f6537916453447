"""A merchant's gift-card share is settled: card_redemption gives up what it owes, credit_ledger pays it (DOMAIN 3.3).

Both are asked first: only card_redemption can refuse, so only it claims. X.CLEARING carries the id of the saga.
"""

from services.kernel.saga import Definition, Participant
from services.order.domain.merchant_settlement import KIND, ClearMerchantShare, MerchantPlan, PayGiftCardShare
from services.order.domain.participation import CARD_REDEMPTION, CREDIT_LEDGER

DEFINITION = Definition(
    kind=KIND,
    version=1,
    plan_type=MerchantPlan,
    participants=(
        Participant(
            service=CREDIT_LEDGER, involved=lambda plan: True, key=lambda plan: plan.share, command=PayGiftCardShare,
            planned=lambda plan: plan.vector,
        ),
        Participant(
            service=CARD_REDEMPTION, involved=lambda plan: True, key=lambda plan: plan.share,
            command=ClearMerchantShare, planned=lambda plan: plan.vector,
        ),
    ),
)
