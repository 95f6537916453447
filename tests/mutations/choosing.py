"""Which planted bugs a run tries: all, or some that rotate with every change of the code."""

import hashlib
import random
from collections.abc import Sequence

from tests.mutations.mutant import ROOT, Mutant


def seed_of_the_code() -> int:
    """A number that the same code always has, and other code has not."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "services").rglob("*.py")):
        digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:4])


def chosen(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of them, other ones for another seed."""
    return random.Random(seed).sample(mutants, min(count, len(mutants)))
