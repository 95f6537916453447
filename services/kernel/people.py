"""Who is the same person, and which papers are the same paper, however they are written (MA-1, MA-3).

    same_person("alice", " ＡＬＩＣＥ") and same_person("alice", "a1ice") and not same_person("alice", "bob")

Names are compared by what an eye makes of them. What an eye cannot tell apart from them is refused where it comes in:
letters of scripts that hold doubles of Latin ones, and everything that is not seen at all.
"""

import unicodedata
from collections.abc import Iterable

_NAME_SIGNS = frozenset(" ._-:@+")
_HAN = "CJK UNIFIED IDEOGRAPH"
_HAN_SIGNS = range(0x3001, 0x3020)
"""Punctuation of Chinese texts, 、 to 〟; none of it stands in for a letter."""
_HAN_PAIRS = (
    "一- 丶. 丨l 囗口 士土 曰日 己已 巳已 倂併 値值 啓啟 塡填 墫壿 媯嬀 帡帲 戶户 戸户 晩晚"
    " 曶㫚 朌肦 朏胐 朐胊 朓脁 朘脧 朣膧 柿杮 榝樧 溈潙 硏研 絶絕 腁胼 蒍蔿 虁蘷 訮詽 讆讏 豜豣"
    " 趆赿 跥跺 躗躛 軿輧 郞郎 鎭鎮 隷隸 鹃鹂 黒黑 胶㬵 搉㩁 槩㮣 晣䀿 朦䑃 訞䚶"
)
"""Chinese characters that are read as another or as a sign, most of them of Unicode's table of confusables."""
_ALIKE = str.maketrans({
    "0": "o", "1": "l", "i": "l", "|": "l", "m": "rn", **{pair[0]: pair[1] for pair in _HAN_PAIRS.split()},
})
"""Signs that are read as one another, lower and upper case together: a capital I is an l, so an i is one too."""


def same_person(one: str, other: str) -> bool:
    """Whether two names may be one person's: alike after trimming, case folding and NFKC, or alike to the eye."""
    return _seen(one) == _seen(other)


def papers(references: Iterable[str]) -> tuple[str, ...]:
    """The different papers that these references name, each as an eye sees it; what shows nothing names none."""
    return tuple(dict.fromkeys(seen for reference in references if (seen := _seen(reference))))


def is_named(name: str) -> bool:
    """Whether a name shows anything that could be one."""
    return any(sign.isalnum() for sign in _seen(name))


def flaw_of_name(name: str) -> str:
    """The first sign that no name may hold, as `U+0430`; "" if there is none.

    Letters and digits of ASCII, Latin letters with accents, Chinese characters, and ` ._-:@+`, each as NFKC writes it.
    """
    return _first(sign for sign in _plain(name) if not (sign in _NAME_SIGNS or _is_letter(sign)))


def flaw_of_paper(reference: str) -> str:
    """The same for a reference to a paper, which may hold all of ASCII and Chinese punctuation beside the letters."""
    return _first(
        sign for sign in _plain(reference)
        if not ((sign.isascii() and sign.isprintable()) or ord(sign) in _HAN_SIGNS or _is_letter(sign))
    )


def _seen(text: str) -> str:
    """What an eye makes of it: without case, accents and spaces, which may be a hair wide, and look-alikes as one."""
    folded = unicodedata.normalize("NFKD", _plain(text).casefold())
    shown = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return "".join(_plain(shown).translate(_ALIKE).split())


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _is_letter(sign: str) -> bool:
    if sign.isascii():
        return sign.isalnum()
    if not sign.isalpha():
        return False
    return unicodedata.normalize("NFKD", sign)[0].isascii() or unicodedata.name(sign, "").startswith(_HAN)


def _first(refused: Iterable[str]) -> str:
    return next((f"U+{ord(sign):04X}" for sign in refused), "")
