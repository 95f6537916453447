"""A card is closed: the credit ledger puts its value into the wallet, then this book lets it go (OP-10, PM-3)."""

from services.card_redemption.domain.cards.closing import CARD_CLOSE, ClosePlan, CreditWallet
from services.card_redemption.domain.redemption.participation import CREDIT_LEDGER, CustomerAnswer
from services.kernel.saga import Definition, Participant

DEFINITION = Definition(
    kind=CARD_CLOSE, version=1, plan_type=ClosePlan,
    participants=(
        Participant(
            service=CREDIT_LEDGER, involved=lambda plan: True, key=lambda plan: plan.account_id, command=CreditWallet,
            planned=lambda plan: plan.vector, result_type=CustomerAnswer, digest=lambda answer: answer,
        ),
    ),
)
