"""A card is closed: the credit ledger puts its value into the wallet, then this book lets it go (OP-10, PM-3)."""

from dataclasses import replace

from services.card_redemption.domain.cards.closing import CARD_CLOSE, ClosePlan, CreditWallet
from services.card_redemption.domain.redemption.participation import CREDIT_LEDGER, CustomerAnswer
from services.kernel.saga import Definition, Participant

DEFINITION = Definition(
    kind=CARD_CLOSE, version=2, plan_type=ClosePlan,
    participants=(
        Participant(
            service=CREDIT_LEDGER, involved=lambda plan: True, key=lambda plan: plan.account_id, command=CreditWallet,
            planned=lambda plan: plan.vector, result_type=CustomerAnswer, digest=lambda answer: answer,
        ),
    ),
)
EARLIER = replace(DEFINITION, version=1)
"""Of when no card held what was on its way: such a plan says that it holds nothing."""
