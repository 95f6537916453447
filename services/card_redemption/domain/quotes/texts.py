"""Steps of an offer in words, Chinese and English."""

from datetime import date
from typing import NamedTuple

from services.card_redemption.domain.quotes.explanation import Step
from services.card_redemption.domain.recycling.policy import STRICT_RATE_PPM
from services.kernel.money import PPM, yuan


class Text(NamedTuple):
    """One step in words."""

    zh: str
    en: str


def text(step: Step) -> Text:
    """The words of a step."""
    about = step.subject.partition(":")[0]
    chinese, english = _TEXTS[step.rule, about]
    words = {
        "amount": yuan(step.amount), "seconds": step.amount, "first": yuan(step.inputs[0]),
        "last": _rate(step.inputs[-1]),
        "less": yuan(step.inputs[-1]), "face": yuan(step.inputs[1]) if about == "fee" else "",
        "day": date.fromordinal(step.amount) if about in ("settles", "due") and step.amount else "",
        "count": step.inputs[-1], "zh": _WHO[by][0] if (by := step.subject.partition(":")[2]) else "",
        "en": _WHO[by][1] if by else "", "strict": _rate(STRICT_RATE_PPM),
    }
    return Text(chinese.format(**words), english.format(**words))


def _rate(ppm: int) -> str:
    percent, rest = divmod(ppm, PPM // 100)
    return f"{percent}.{rest:04d} %"


_WHO = {
    "CUSTOMER": ("您", "you"), "SUPPORT": ("客服", "a support operator"), "ENTERPRISE": ("企业", "the enterprise"),
}
_TEXTS: dict[tuple[str, str], tuple[str, str]] = {
    ("CV-3", "payout"): (
        "面值 {first} 元 × {last},不足一分舍去,到账 {amount} 元",
        "{last} of the face of {first}, fractions of a fen cut off, pays {amount}",
    ),
    ("CV-3", "kept"): ("面值 {first} 元减去到账 {less} 元,差额 {amount} 元", "{first} less {less} leaves {amount}"),
    ("RD-10", "window"): (
        "回收价不低于 {strict} 的渠道不支持取消", "a channel that pays {strict} or more lets nobody cancel",
    ),
    ("RD-35", "window"): ("该渠道不支持取消", "this channel lets nobody cancel"),
    ("CV-9", "window"): (
        "受理后 {seconds} 秒内(含)可由{zh}申请取消",
        "{en} may ask to cancel within {seconds} s of the acceptance, inclusive",
    ),
    ("A21", "window"): ("结算前可由{zh}申请取消", "{en} may ask to cancel until it settles"),
    ("RD-1", "unverified"): (
        "仅限卡密尚未开始核验时", "only as long as the verification of the code has not started",
    ),
    ("A20", "review"): (
        "取消需人工审核,{seconds} 秒内未决视为驳回",
        "a person decides; without a decision within {seconds} s it is refused",
    ),
    ("A16", "fee"): (
        "取消手续费:每笔 {first} 元加面值 {face} 元的 {last},四舍五入到分,共 {amount} 元,从钱包扣除",
        "cancelling costs {first} and {last} of the face of {face}, to the nearest fen: {amount}, from the wallet",
    ),
    ("A17", "cap"): (
        "每日付费取消的面值合计不超过 {amount} 元(含)",
        "the faces cancelled for a fee on one day come to {amount} at most, inclusive",
    ),
    ("OP-16", "settles"): ("条件满足后结算", "it settles when the condition is met"),
    ("A21", "settles"): (
        "受理次日起第 {count} 个工作日结算,最早 {day} 到账",
        "it settles on working day {count} after the acceptance: paid on {day} at the earliest",
    ),
    ("RD-6", "settles"): (
        "核验通过即结算,最早 {day} 到账", "it settles with its verification: paid on {day} at the earliest",
    ),
    ("A22", "due"): (
        "处理时限 {count} 个工作日,最迟 {day}", "processing takes {count} working days at most: until {day}",
    ),
}
