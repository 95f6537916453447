"""Steps of an explanation in words, Chinese and English: `text("PR-4", "split_first", 4000, …)`."""

from collections.abc import Sequence
from typing import NamedTuple

from services.kernel.money import yuan


class Text(NamedTuple):
    """One step in words."""

    zh: str
    en: str


def text(
    rule: str, subject: str, formula: str, amount_minor: int, inputs: Sequence[int], parts: Sequence[tuple[int, int]]
) -> Text:
    """The words of a step; `parts` are (number, amount). A rule without words of its own is told by its name."""
    chinese, english = _TEXTS.get((rule, formula)) or _TEXTS.get((rule, "")) or _PLAIN
    words = {
        "rule": rule, "name": subject.partition(":")[2] or subject, "amount": yuan(amount_minor), "strategy": formula,
        "offered": yuan(inputs[0]) if inputs else "0.00", "count": len([amount for _, amount in parts if amount]),
        "numbers": ", ".join(str(no) for no, amount in parts if amount) or "–",
        "parts": " + ".join(yuan(amount) for _, amount in parts) or yuan(amount_minor), "inputs": _sum(inputs),
        "quantity": inputs[3] if formula == "unit_value" else 0, "units": inputs[1] if formula == "unit_value" else 0,
        "less": yuan(inputs[1]) if formula in ("less", "at_most") else "",
        "pieces": inputs[0] if inputs else 0, "price": yuan(inputs[1]) if formula == "product" else "",
    }
    return Text(chinese.format(**words), english.format(**words))


def _sum(inputs: Sequence[int]) -> str:
    return " + ".join(yuan(amount) for amount in inputs)


_PLAIN = ("{rule}:{amount} 元", "{rule}: {amount}")

_TEXTS: dict[tuple[str, str], tuple[str, str]] = {
    ("CR-4", "product"): (
        "商品 {name}:{pieces} 件 × {price} 元 = {amount} 元",
        "line {name}: {pieces} x {price} = {amount}",
    ),
    ("CR-4", "sum"): ("合计 {inputs} = {amount} 元", "together {inputs} = {amount}"),
    ("PR-3", ""): (
        "优惠 {amount} 元按当前价格分摊到各商品:{parts}",
        "a promotion of {amount} is shared by the lines in proportion to their price by then: {parts}",
    ),
    ("CV-7", ""): (
        "商品 {name}:{quantity} 件(共 {units} 件,实付 {offered} 元)折合 {amount} 元",
        "line {name}: {quantity} of {units} units, paid {offered} in all, are worth {amount}",
    ),
    ("PR-8", "less"): (
        "商品 {name}:实付 {offered} 元,减去差价 {less} 元,按 {amount} 元计",
        "line {name}: {offered} was paid, less price reductions of {less}, so {amount} counts",
    ),
    ("PR-8", "given"): ("商品 {name} 退差价 {amount} 元", "a price reduction of {amount} on line {name}"),
    ("PR-9", "less"): (
        "商品 {name}:折合 {offered} 元,商家扣减 {less} 元,应退 {amount} 元",
        "line {name}: worth {offered}, of which the merchant deducts {less}: {amount} is due",
    ),
    ("PR-9", "at_most"): (
        "应退 {offered} 元,订单剩余可退 {less} 元,实退 {amount} 元",
        "{offered} is due and {less} is left of the order: {amount} is paid",
    ),
    ("PR-9", "sum"): ("退还商家扣减 {inputs} = {amount} 元", "what was deducted comes back: {inputs} = {amount}"),
    ("PR-1", "given"): ("金额 {amount} 元", "an amount of {amount}"),
    ("PR-4", ""): (
        "{amount} 元按各支付方式剩余金额比例分摊:{parts}",
        "{amount} is shared by the tenders in proportion to what is left of each: {parts}",
    ),
    ("A24", ""): ("平台券按比例冲回 {amount} 元", "the platform coupon takes {amount} back in proportion"),
    ("RA-3", ""): (
        "退款 {offered} 元不低于全部待还本金,{count} 期待还本金 {amount} 元全部冲抵",
        "the refund of {offered} covers all unpaid principal: {amount} on {count} instalments is cleared",
    ),
    ("RA-4", ""): (
        "先冲抵逾期第 {numbers} 期本金 {amount} 元",
        "overdue instalments {numbers} come first: {amount} of principal is cleared",
    ),
    ("PR-1", ""): (
        "按比例冲减 {count} 期待还本金共 {amount} 元,期数与还款日不变",
        "the unpaid principal of {count} instalments falls in proportion, by {amount} in all; number and dates stay",
    ),
    ("PR-2", ""): (
        "按 {strategy} 方式冲减 {count} 期待还本金共 {amount} 元",
        "by strategy {strategy} the unpaid principal of {count} instalments falls by {amount} in all",
    ),
    ("P25", ""): ("已核销本金收回 {amount} 元", "{amount} of written-off principal is recovered"),
    ("FE-1", ""): (
        "免息期内全额退款,服务费全部退还",
        "a full refund inside the free period: every fee is dropped and what was paid of it comes back",
    ),
    ("FE-2", ""): (
        "延期服务费按已使用天数计收,现为 {amount} 元",
        "the deferral fee keeps its earned part: it is {amount} now",
    ),
    ("FE-4", ""): (
        "未还的分期服务费按退款比例冲销,剩余 {amount} 元;已还的不退",
        "unpaid instalment fees fall in proportion, to {amount} in all; paid ones are kept",
    ),
    ("RA-5", ""): ("本金冲抵后多出 {amount} 元", "{amount} is left over after principal"),
    ("RA-5(1)", ""): (
        "多出部分先付本单违约金与服务费 {amount} 元",
        "of the surplus {amount} pays late fees and fees of the same order",
    ),
    ("RA-5(2)", ""): (
        "多出部分冲抵其他已出账单 {amount} 元(先到期者先)",
        "of the surplus {amount} pays other billed dues, oldest due date first",
    ),
    ("RA-5(3)", ""): (
        "多出部分冲抵未出账的延期本金 {amount} 元",
        "of the surplus {amount} pays deferred principal that is not billed yet",
    ),
    ("RA-5(4)", ""): ("其余 {amount} 元退至白条余额", "the rest, {amount}, goes to the credit balance"),
    ("RA-6", ""): (
        "其余 {amount} 元按还款由近及远原路退回",
        "the rest, {amount}, goes back to the repayment instruments, the latest first",
    ),
}
