"""Sections 3.1 and 9.5 of the scenario format, read a second time and written the slow way; for `format_model` only."""


def half_up(n: int, d: int) -> int:
    """The nearest integer, ties up."""
    return (2 * n + d) // (2 * d)


def hamilton(total: int, weights: list[int], last: bool = False) -> list[int]:
    """Largest remainder, written the slow way: one fen at a time to the largest fraction that has none yet."""
    whole = sum(weights)
    if total == 0 or whole == 0:
        return [0] * len(weights)
    parts = [total * w // whole for w in weights]
    fractions = {i: total * w % whole for i, w in enumerate(weights)}
    for _ in range(total - sum(parts)):
        best = max(fractions.values())
        tied = [i for i, f in fractions.items() if f == best]
        winner = tied[-1] if last else tied[0]
        parts[winner] += 1
        del fractions[winner]
    return parts


def reductions(strategy: str, amount: int, us: list[int]) -> list[int]:
    """What each instalment is reduced by, under a strategy (format 9.5)."""
    if strategy == "PROPORTIONAL":
        return hamilton(amount, us, last=True)
    left = list(us)
    if strategy in ("NEXT_FIRST", "LAST_FIRST"):
        order = list(range(len(us)))
        for i in order if strategy == "NEXT_FIRST" else order[::-1]:
            take = min(amount, left[i])
            left[i] -= take
            amount -= take
    while strategy == "EQUAL" and amount > 0:
        live = [i for i in range(len(us)) if left[i] > 0]
        even, unoffered, rest = half_up(amount, len(live)), amount, 0
        for place, i in enumerate(live):
            offer = unoffered if place == len(live) - 1 else min(even, unoffered)
            unoffered -= offer
            take = min(offer, left[i])
            left[i] -= take
            rest += offer - take
        amount = rest
    return [u - now for u, now in zip(us, left, strict=True)]
