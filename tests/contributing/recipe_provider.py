"""A verification provider: one that knows cards by the letter with which they begin."""

from tests.contributing.scratch import Scratch

SERVICE = "services/card_redemption/providers"
TEST = "tests/services/card_redemption/providers/test_providers.py"

PROVIDER = '''\
"""Cards of an issuer whose faces stand in a list that it sent us."""

from services.card_redemption.domain.verification import Finding, Releasing
from services.card_redemption.providers.provider import Answer, Question

FACES = {"crd_1": 700}


class ListedCards:
    """Looks into the list; a card that is not in it is none."""

    needs_codes = True

    def __init__(self) -> None:
        self._said: dict[str, Answer] = {}

    async def verify(self, question: Question) -> Answer:
        """What the list says."""
        face = FACES.get(question.card_id)
        said = Answer(Finding.INVALID) if face is None else Answer(Finding.FOUND, face)
        return self._said.setdefault(question.key, said)

    async def query(self, key: str) -> Answer | None:
        """What it said."""
        return self._said.get(key)

    async def release(self, key: str) -> tuple[Releasing, str]:
        """A list forgets nothing that it would have to give back."""
        return Releasing.RELEASED, ""
'''


def follow(copy: Scratch) -> str:
    """Add it; answers the contract test, which it passes beside the others."""
    copy.write(f"{SERVICE}/listed.py", PROVIDER)
    copy.insert(f"{SERVICE}/__init__.py", "from services.card_redemption.providers.own import", '''\
from services.card_redemption.providers.listed import ListedCards
''')
    copy.insert(f"{SERVICE}/__init__.py", "    if remote is not None:", '''\
    providers["listed"] = ListedCards()
''')
    copy.insert(TEST, "from services.card_redemption.providers.own import", '''\
from services.card_redemption.providers.listed import ListedCards
''')
    copy.insert(TEST, '    "remote": lambda target', '    "listed": lambda target: ListedCards(),\n')
    return TEST
