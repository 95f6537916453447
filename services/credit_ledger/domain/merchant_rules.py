"""Settlement with a merchant: what we owe, net of what the merchant owes us (A25, P23)."""

from dataclasses import replace

from services.credit_ledger.domain import books
from services.credit_ledger.domain.commands import SettleMerchant
from services.credit_ledger.domain.effects import MerchantSettlement
from services.credit_ledger.domain.events import MerchantPaid
from services.credit_ledger.domain.merchant import MerchantShare, share_keys
from services.credit_ledger.domain.repaying import positive
from services.kernel.allocation import in_order
from services.kernel.decision import Decision, Done, Event, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.journal import Unit, post


def settle(known: Known, body: SettleMerchant) -> Decision:
    """Pay so much of the payable, over all shares in their order; the first share is the root and always moves."""
    amount = positive(body.amount_minor)
    merchant_id = body.merchant_id
    shares = [known.find(MerchantShare, key) or MerchantShare(key, merchant_id, version=0) for key in share_keys(merchant_id)]
    payable = sum(share.payable_minor for share in shares)
    if amount > payable:
        raise FailedPrecondition("EXCEEDS_PAYABLE", f"{payable} is owed to {body.merchant_id}")
    receivable = sum(share.receivable_minor for share in shares)
    netted = min(amount, receivable)
    paid = in_order(amount, [share.payable_minor for share in shares])
    net = in_order(netted, [share.receivable_minor for share in shares])
    changed = [
        replace(
            share, payable_minor=share.payable_minor - part, receivable_minor=share.receivable_minor - less,
            version=share.version + 1, sequence=share.sequence + (share is shares[0]),
        )
        for share, part, less in zip(shares, paid, net, strict=True) if part or less or share is shares[0]
    ]
    root = changed[0]
    result = MerchantSettlement(merchant_id, amount, netted, amount - netted, payable - amount, receivable - netted)
    return Decision(
        Done(result), changes=tuple(changed),
        journals=post("merchant_settle", Unit.CNY, (
            (books.MERCHANT_PAYABLE, merchant_id, amount), (books.MERCHANT_RECEIVABLE, merchant_id, -netted),
            (books.BANK, "", netted - amount),
        )),
        events=(Event(root.id, root.sequence, MerchantPaid(merchant_id, amount, amount - netted)),),
    )
