"""Random orders for random cases: lines, promotions, tenders and terms."""

from random import Random

from tests.settle.vectors.reference import Json, payables_of, split

TENDERS = ("CREDIT", "WALLET", "GIFTCARD", "BANKCARD")
FREE_DAYS = (None, 0, 1, 7, 15, 30, 60, 400)


def order(rng: Random, name: str, giftcards: bool, coupons: bool = True) -> Json:
    """One order; every field that has a default is left out now and then."""
    lines = [line(rng, f"L{i + 1}") for i in range(rng.choice((1, 1, 1, 2, 3, 4)))]
    made: Json = {"id": name, "lines": lines}
    promos = promotions(rng, lines)
    if promos:
        made["promos"] = promos
    made["tenders"] = tenders(rng, sum(payables_of(made)), giftcards)
    if any(tender["type"] == "CREDIT" for tender in made["tenders"]):
        made["plan"] = plan(rng)
    if rng.random() < 0.25:
        made["route"] = "FLASH"
    if coupons and rng.random() < 0.25:
        made["platform_coupon"] = rng.choice((0, 1, 5, 99, rng.randint(1, 5000)))
    return made


def line(rng: Random, name: str) -> Json:
    """One line; prices from nothing to a telephone."""
    quantity = rng.choice((1, 1, 2, 3, 3, 5, 7))
    price = rng.choice((0, 1, 100, 3333, 10000, 30000, rng.randint(1, 500), rng.randint(1, 200000)))
    return {"id": name, "qty": quantity, "unit_price": price}


def promotions(rng: Random, lines: list[Json]) -> list[Json]:
    """None, one or two promotions, each at most the sum of its lines."""
    promos: list[Json] = []
    for _ in range(rng.choice((0, 0, 1, 2))):
        amounts = payables_of({"lines": lines, "promos": promos})
        chosen = rng.sample(range(len(lines)), rng.randint(1, len(lines)))
        everything = rng.random() < 0.5
        most = sum(amounts) if everything else sum(amounts[i] for i in chosen)
        if most < 1:
            continue
        promo: Json = {"amount": most if rng.random() < 0.05 else rng.randint(1, max(1, most // 2))}
        if not everything:
            promo["lines"] = sorted(chosen)
        promos.append(promo)
    return promos


def tenders(rng: Random, total: int, giftcards: bool) -> list[Json]:
    """Credit mostly, alone or mixed, in any order of types."""
    kinds = [kind for kind in TENDERS if giftcards or kind != "GIFTCARD"]
    if rng.random() < 0.6:
        chosen = ["CREDIT"]
    else:
        chosen = rng.sample(kinds, rng.randint(1, len(kinds)))
        if "CREDIT" not in chosen and rng.random() < 0.7:
            chosen[0] = "CREDIT"
    weights = [rng.choice((0, 1, 1, 2, 3, 7)) for _ in chosen]
    if not sum(weights):
        weights[0] = 1
    return [{"type": kind, "amount": part} for kind, part in zip(chosen, split(total, weights, "first"), strict=True)]


def plan(rng: Random) -> Json:
    """Terms of the credit tender."""
    made: Json
    if rng.random() < 0.65:
        made = {"type": "INSTALMENT", "n": rng.choice((1, 2, 3, 3, 3, 4, 6, 6, 12, 24))}
        fees = rng.choice((None, 1, 5000, 5000, 6000, 12345, rng.randint(1, 30000)))
        if fees is not None:
            made["fee_ppm"] = fees
    else:
        made = {"type": "DEFERRED"}
        if rng.random() < 0.7:
            made["defer_months"] = rng.choice((1, 1, 2, 3))
        if rng.random() < 0.8:
            made["flat_fee"] = rng.choice((0, 1, 600, rng.randint(1, 3000)))
            made["term_days"] = rng.choice((1, 7, 30, 30, 45, 90))
    free_days = rng.choice(FREE_DAYS)
    if free_days is not None:
        made["free_days"] = free_days
    return made
