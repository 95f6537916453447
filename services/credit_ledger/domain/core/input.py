"""An input of an account as one row: what it needs to see, what it does, and how the customer is told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from services.credit_ledger.domain.core.position import Applied, Apply, Position
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.kernel.decision import Wanted

B = TypeVar("B")


def plainly(text: str, body: object) -> str:
    """The reason as it is: the body adds nothing to it."""
    return text


def nothing(body: object) -> None:
    """The claim of an input that claims nothing."""


@dataclass(frozen=True, slots=True)
class Input:
    """One row, made by `Input.of`. Every function takes the
    body: of the type `body`, which `of` has checked (so Any)."""

    body: type
    wants: Callable[[Any], Wanted]
    apply: Apply
    reason_zh: str
    reason_en: str
    tell: Callable[[str, Any], str]
    claims: Callable[[Any], PaymentReference | None]
    logged: bool
    opens: bool

    @classmethod
    def of(
        cls, body: type[B], wants: Callable[[B], Wanted], apply: Callable[[Position, B], Applied], *,
        reason_zh: str = "", reason_en: str = "", tell: Callable[[str, B], str] = plainly,
        claims: Callable[[B], PaymentReference | None] = nothing, logged: bool = True, opens: bool = False,
    ) -> "Input":
        """The row of an input; the type checker holds its functions against the type of its body.

        The customer reads `reason_zh` and `reason_en` of every input that is `logged`, as `tell` puts them with the
        body. A saga `claims` a payment reference from its TRY on. What `opens` gives a customer without an account one
        (OP-6); its body names the customer.
        """
        return cls(
            body=body, wants=wants, apply=apply, reason_zh=reason_zh, reason_en=reason_en, tell=tell, claims=claims,
            logged=logged, opens=opens,
        )

    @property
    def kind(self) -> str:
        """Its name in the log."""
        return self.body.__name__

    def reason(self, body: object) -> str:
        """Why the account moved, in Chinese and English (MA-4)."""
        return self.tell(f"{self.reason_zh} {self.reason_en}", body)
