"""Why every fen of a refund went where it went (U2): steps that can be computed again, and told in Chinese and English."""

from typing import NamedTuple

from services.credit_ledger.domain.model.effects import Step
from services.credit_ledger.domain.model.terms import Strategy
from services.credit_ledger.domain.refunds import fees as refund_fees
from services.credit_ledger.domain.refunds.strategies import reduce
from services.kernel.allocation import in_order
from services.kernel.money import yuan


class Text(NamedTuple):
    """One step in words."""

    chinese: str
    english: str


def holds(step: Step) -> bool:
    """Whether the step, computed again from its rule, inputs and weights, gives the same amount and the same parts."""
    return evaluate(step) == (step.amount_minor, step.amounts)


def evaluate(step: Step) -> tuple[int, tuple[int, ...]]:
    """The amount and the parts of a step, computed again."""
    match step.formula:
        case "sum":
            return sum(step.inputs), ()
        case "rest":
            return step.inputs[0] - step.inputs[1], ()
        case "flat_fee":
            return refund_fees.flat_fee(*step.inputs), ()
        case _:
            parts = _parts(step)
            return sum(parts), parts


def text(step: Step) -> Text:
    """A step in Chinese and English; the rule id stands beside it in the data."""
    chinese, english = _TEXTS[step.rule]
    words = {
        "amount": yuan(step.amount_minor), "count": len([amount for amount in step.amounts if amount]),
        "offered": yuan(step.inputs[0]) if step.inputs else "0.00", "strategy": step.formula,
        "numbers": _numbers(step),
    }
    return Text(chinese.format(**words), english.format(**words))


def _parts(step: Step) -> tuple[int, ...]:
    weights = step.weights
    match step.formula:
        case "all":
            return weights
        case "none":
            return (0,) * len(weights)
        case "in_order":
            return in_order(step.inputs[0], weights)
        case "fee":
            return tuple(refund_fees.instalment_fee(weight, *step.inputs) for weight in weights)
        case strategy:
            return reduce(Strategy(strategy), step.inputs[0], weights)


def _numbers(step: Step) -> str:
    """The instalments that got something: "1, 2, 3"."""
    return ", ".join(str(no) for no, amount in zip(step.numbers, step.amounts, strict=True) if amount)


_TEXTS = {
    "RA-3": (
        "退款 {offered} 元不低于全部待还本金,{count} 期待还本金 {amount} 元全部冲抵",
        "the refund of {offered} covers all unpaid principal: {amount} on {count} instalments is cleared",
    ),
    "RA-4": (
        "先冲抵逾期第 {numbers} 期本金 {amount} 元",
        "overdue instalments {numbers} come first: {amount} of principal is cleared",
    ),
    "PR-1": (
        "按比例冲减 {count} 期待还本金共 {amount} 元,期数与还款日不变",
        "the unpaid principal of {count} instalments falls in proportion, by {amount} in all; number and dates stay",
    ),
    "PR-2": (
        "按 {strategy} 方式冲减 {count} 期待还本金共 {amount} 元",
        "by strategy {strategy} the unpaid principal of {count} instalments falls by {amount} in all",
    ),
    "P25": (
        "已核销本金收回 {amount} 元",
        "{amount} of written-off principal is recovered",
    ),
    "FE-1": (
        "免息期内全额退款,服务费全部退还",
        "a full refund inside the free period: every fee is dropped and what was paid of it comes back",
    ),
    "FE-2": (
        "延期服务费按已使用天数计收,现为 {amount} 元",
        "the deferral fee keeps its earned part: it is {amount} now",
    ),
    "FE-4": (
        "未还的分期服务费按退款比例冲销,剩余 {amount} 元;已还的不退",
        "unpaid instalment fees fall in proportion, to {amount} in all; paid ones are kept",
    ),
    "RA-5": (
        "本金冲抵后多出 {amount} 元",
        "{amount} is left over after principal",
    ),
    "RA-5(1)": (
        "多出部分先付本单违约金与服务费 {amount} 元",
        "of the surplus {amount} pays late fees and fees of the same order",
    ),
    "RA-5(2)": (
        "多出部分冲抵其他已出账单 {amount} 元(先到期者先)",
        "of the surplus {amount} pays other billed dues, oldest due date first",
    ),
    "RA-5(3)": (
        "多出部分冲抵未出账的延期本金 {amount} 元",
        "of the surplus {amount} pays deferred principal that is not billed yet",
    ),
    "RA-5(4)": (
        "其余 {amount} 元退至白条余额",
        "the rest, {amount}, goes to the credit balance",
    ),
    "RA-6": (
        "其余 {amount} 元按还款由近及远原路退回",
        "the rest, {amount}, goes back to the repayment instruments, the latest first",
    ),
}
