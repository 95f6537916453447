"""What a customer owes us already is paid out of the wallet before anything new is asked of him, on every path on which
a redemption asks: fees, wrong faces, faults and frauds, by a call or by a case, over both real books (RD-33)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.states import RedemptionState
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.commands import (
    AuthorizeTenders,
    LegReport,
    OpenAccount,
    PostAdjustment,
    ReportLeg,
)
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.payout import PayoutMethod
from services.credit_ledger.domain.model.redemption_events import ReceivableNetted
from services.credit_ledger.domain.model.redemptions import (
    ChargeCancelFee,
    ClaimCause,
    ClaimFromCustomer,
    PayRedemption,
)
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.kernel.calendar import DAY, business_date
from tests.coupled import deliver
from tests.extremes.engine import SERVICES
from tests.in_memory import InMemory
from tests.services.card_redemption.disputing import BOSS, CLERK, FULL, decided, handled, opened
from tests.services.card_redemption.redeeming import FACE_MINOR, MAO, SELF, SU, Redeeming

R = RedemptionState
ACCOUNT = "acc_1"
DEBT = 2_000
"""What the customer owes us when something new is asked, and another redemption was the cause."""
LESS = FACE_MINOR - 1_000


def _ledger() -> InMemory:
    service = SERVICES["credit_ledger"]
    return InMemory(service.rules, service.timers, service.name)


def _over_the_wire(sender: str, taker: str, body: object) -> object:
    return SERVICES[taker].codec.decode(*SERVICES[sender].codec.encode(body))


@dataclass
class Books(Redeeming):
    """Redemptions beside the real credit ledger; its bank pays whatever it has when it is asked to."""

    other: InMemory = field(default_factory=_ledger)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.other.now = self.now
        assert self.other.when(ACCOUNT, OpenAccount(ACCOUNT, "cus_1", 0)).reason == ""

    @property
    def account(self) -> CreditAccount:
        """The customer's."""
        return self.other.row(CreditAccount, ACCOUNT)

    @property
    def netted(self) -> list[int]:
        """What paid a debt, of the wallet and of payouts."""
        return [each.body.amount_minor for each in self.other.events if isinstance(each.body, ReceivableNetted)]

    def owes(self, wallet_minor: int) -> None:
        """From now on he owes the debt, and has so much in the wallet."""
        self.other.given(replace(self.account, receivable_minor=DEBT, wallet_minor=wallet_minor))

    def bank_pays(self) -> None:
        """What is at the bank arrives."""
        for leg in self.other.family(RefundLeg, ACCOUNT):
            if leg.state is LegState.SENT or leg.in_transit:
                self.other.tell(ACCOUNT, ReportLeg(ACCOUNT, leg.id, LegReport.SETTLED))
        self.settle_down()

    def settle_down(self) -> None:
        """Hand over everything between the two."""
        self.other.now = self.now
        self.other.fire()
        deliver({self.name: self, self.other.name: self.other}, _over_the_wire)


def _paid() -> Books:
    made = Books()
    made.submitted(SELF)
    made.verify()
    made.bank_pays()
    assert made.order().state is R.COMPLETED
    return made


def _at_the_bank(made: Books) -> None:
    made.submitted(SELF)
    made.verify()


@dataclass(frozen=True)
class Path:
    """How a redemption comes to ask so much, and asks it; a fee is taken from the wallet, a claim is owed."""

    begin: Callable[[], Books]
    asks: Callable[[Books], object]
    asked_minor: int
    fee: bool = False
    end: RedemptionState = R.COMPLETED


def _submitted(terms: object) -> Callable[[], Books]:
    def begin() -> Books:
        made = Books()
        made.submitted(terms)  # type: ignore[arg-type]  # a channel's
        return made

    return begin


def _reviewed(made: Books) -> None:
    made.cancel()
    made.do(ask.DecideCancelReview(made.order().id, True, CLERK, ""))


def _reported() -> Books:
    """A fraud was reported while the payout was at the bank, and it was paid."""
    made = Books()
    _at_the_bank(made)
    made.do(ask.ReportFraud(made.order().id, CLERK))
    made.bank_pays()
    made.now += 16 * DAY
    return made


def _disputed() -> Books:
    """The same, said by the customer."""
    made = Books()
    _at_the_bank(made)
    assert opened(made, T.FRAUD).reason == ""
    made.bank_pays()
    made.now += 16 * DAY
    return made


def _guilty(made: Books) -> None:
    made.do(ask.DecideFraud(made.order().id, True, "case-1", BOSS))


def _granted(kind: T, claimed_minor: int = 0) -> Callable[[Books], object]:
    def asks(made: Books) -> None:
        assert decided(made, handled(made, kind, *FULL, claimed_minor=claimed_minor)).reason == ""

    return asks


def _found_a_fraud(made: Books) -> None:
    assert decided(made, handled(made, T.FRAUD), police="case-1").reason == ""


def _face(made: Books) -> None:
    made.do(ask.CorrectFace(made.order().id, LESS, CLERK))


def _fault(made: Books) -> None:
    made.do(ask.AcceptPlatformFault(made.order().id, BOSS))


PATHS: dict[str, Path] = {
    "cancel for a fee": Path(_submitted(SU), lambda made: made.cancel(), 500, fee=True, end=R.CANCELLED),
    "cancel by a review": Path(_submitted(MAO), _reviewed, 800, fee=True, end=R.CANCELLED),
    "wrong face": Path(_paid, _face, 940), "fault": Path(_paid, _fault, 7_520, end=R.FAULT_REVERSED),
    "wrong face by a case": Path(_paid, _granted(T.WRONG_FACE, LESS), 940),
    "fault by a case": Path(_paid, _granted(T.PLATFORM_FAULT), 7_520, end=R.FAULT_REVERSED),
    "fraud": Path(_reported, _guilty, 7_520, end=R.CLOSED_FRAUD),
    "fraud by a case": Path(_disputed, _found_a_fraud, 7_520, end=R.CLOSED_FRAUD),
}


def _wallets() -> Iterator[tuple[str, int]]:
    """Every path, with the wallet just below, at and just above what is owed, and that and what is asked."""
    for name, path in PATHS.items():
        for edge in (0, DEBT, DEBT + path.asked_minor):
            for wallet_minor in (edge - 1, edge, edge + 1):
                if wallet_minor >= 0:
                    yield name, wallet_minor


@pytest.mark.parametrize(("name", "wallet_minor"), list(_wallets()))
def test_what_is_owed_already_is_paid_before_anything_new_is_asked(name: str, wallet_minor: int) -> None:
    """As far as the wallet goes; of a fee then as much as is left in it, while what was paid out is owed as it is."""
    path = PATHS[name]
    made = path.begin()
    made.owes(wallet_minor)

    path.asks(made)

    assert made.order().state is path.end
    first = min(DEBT, wallet_minor)
    fee = min(path.asked_minor, wallet_minor - first) if path.fee else 0
    assert made.netted == [first] * bool(first)
    assert made.account.wallet_minor == wallet_minor - first - fee
    assert made.account.receivable_minor == DEBT - first + path.asked_minor - fee


@pytest.mark.parametrize("wallet_minor", [0, DEBT - 1, DEBT, DEBT + 1, 20_000])
def test_of_two_claims_of_one_redemption_the_second_leaves_the_first_as_it_is(wallet_minor: int) -> None:
    """A wrong face, and then a fault: both stand (P32, P34); what another one is owed for is paid."""
    made = _paid()
    _face(made)
    made.other.given(replace(made.account, receivable_minor=940 + DEBT, wallet_minor=wallet_minor))

    _fault(made)

    first = min(DEBT, wallet_minor)
    assert made.account.wallet_minor == wallet_minor - first
    assert made.account.receivable_minor == DEBT - first + 7_520


@pytest.mark.parametrize(("owed_minor", "left_minor"), [(939, 0), (940, 940), (1, 0), (0, 0)])
def test_what_was_paid_of_the_first_claim_is_no_reason_to_leave_another_debt(owed_minor: int, left_minor: int) -> None:
    """Less is owed than was claimed for it, so that was paid since, in part at least: what is left is paid first."""
    made = _paid()
    _face(made)
    made.other.given(replace(made.account, receivable_minor=owed_minor, wallet_minor=5_000))

    _fault(made)

    assert made.account.receivable_minor == left_minor + 7_520 - 940
    assert made.account.wallet_minor == 5_000 - owed_minor + left_minor


def _asks(made: Books, body: object) -> None:
    """Another redemption of his asks something of the credit ledger."""
    assert made.other.command(ACCOUNT, body).reason == ""
    made.other.replies.clear()


def _claims(amount_minor: int) -> ClaimFromCustomer:
    return ClaimFromCustomer(ACCOUNT, "cus_1", "rdm_other", ClaimCause.FACE_CLAWBACK, amount_minor)


def _pays(amount_minor: int) -> PayRedemption:
    return PayRedemption(
        ACCOUNT, "cus_1", "rdm_other", "crd_other", "pay_other", amount_minor, PayoutMethod.WALLET
    )


@pytest.mark.parametrize(("others", "left_minor"), [
    ((_claims(940),), 0), ((_claims(5_000),), 0), ((_claims(1),), 0),
    ((ChargeCancelFee(ACCOUNT, "cus_1", "rdm_other", 1_940),), 0), ((_pays(940), _claims(940)), 0),
    ((_pays(500), _claims(940)), 440), ((_pays(500), _pays(440), _claims(939)), 0),
])
@pytest.mark.parametrize("wallet_minor", [939, 941])
def test_a_debt_as_large_as_the_first_claim_is_paid_before_the_second_one(
    others: tuple[object, ...], left_minor: int, wallet_minor: int
) -> None:
    """What was paid since paid the first claim, so what is owed is another's, however much it is."""
    made = _paid()
    _face(made)
    for number, body in enumerate(others):
        paid_by_wallet = not isinstance(others[0], PayRedemption)
        made.other.given(replace(made.account, wallet_minor=940 if paid_by_wallet else 0))
        _asks(made, replace(body, payout_id=f"pay_{number}") if isinstance(body, PayRedemption) else body)
    debt_minor = made.account.receivable_minor - left_minor
    made.other.given(replace(made.account, wallet_minor=wallet_minor))

    _fault(made)

    first = min(debt_minor, wallet_minor)
    assert made.account.wallet_minor == wallet_minor - first
    assert made.account.receivable_minor == left_minor + debt_minor - first + 7_520 - 940


def _ordered(made: Books) -> None:
    """An order of his, for which people may post something."""
    tenders, terms = Tenders(bank_minor=1), CreditTerms()
    _asks(made, AuthorizeTenders(ACCOUNT, "ord_1", "cus_1", "mer_1", tenders, terms, payment_reference="ref"))


def _paid_at_the_bank(made: Books, amount_minor: int) -> None:
    """He paid something of what he owes to the company's bank account, and two people booked that."""
    lines = (AdjustedLine("A.BANK", amount_minor), AdjustedLine("A.CUST.RECV", -amount_minor))
    assert made.other.when(ACCOUNT, PostAdjustment(
        ACCOUNT, "ord_1", "case", lines, "ann", "bob", ("bill", "slip"), "paid", business_date(made.now)
    )).reason == ""


@pytest.mark.parametrize("paid_minor", [1, 939, 940, 941])
def test_what_was_paid_at_the_bank_paid_the_first_claim(paid_minor: int) -> None:
    """As what was netted did: so another debt is paid before the second claim, whole."""
    made = _paid()
    _face(made)
    _ordered(made)
    _asks(made, _claims(DEBT))
    _paid_at_the_bank(made, paid_minor)
    made.other.given(replace(made.account, wallet_minor=10_000))

    _fault(made)

    left = max(0, 940 - paid_minor)
    assert made.account.receivable_minor == left + 7_520 - 940
    assert made.account.wallet_minor == 10_000 - (DEBT + 940 - paid_minor - left)


def test_of_three_claims_the_third_leaves_the_two_before_it_as_they_are() -> None:
    """However much of another debt was paid in between."""
    made = _paid()
    _face(made)
    made.other.given(replace(made.account, receivable_minor=940 + 300, wallet_minor=100))
    made.do(ask.CorrectFace(made.order().id, LESS - 1_000, CLERK))
    assert (made.account.receivable_minor, made.account.wallet_minor) == (940 + 200 + 940, 0)
    made.other.given(replace(made.account, wallet_minor=10_000))

    _fault(made)

    assert made.account.receivable_minor == 7_520
    assert made.account.wallet_minor == 10_000 - 200


@pytest.mark.parametrize("debt_minor", [1, 7_519, 7_520, 7_521])
def test_a_payout_pays_what_is_owed_first(debt_minor: int) -> None:
    """The rest of it goes to the bank."""
    made = Books()
    made.other.given(replace(made.account, receivable_minor=debt_minor))
    _at_the_bank(made)

    made.bank_pays()

    assert made.order().state is R.COMPLETED
    assert made.netted == [min(debt_minor, 7_520)]
    assert made.account.receivable_minor == max(0, debt_minor - 7_520)
    assert sum(leg.amount_minor for leg in made.other.family(RefundLeg, ACCOUNT)) == max(0, 7_520 - debt_minor)
