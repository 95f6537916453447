"""A rail: cheques, printed into a folder."""

from tests.contributing.scratch import Scratch

SERVICE = "services/credit_ledger"
TEST = "tests/services/credit_ledger/rails/test_bank_card.py"

RAIL = '''\
"""Cheques: one file per leg in a folder that the printer empties; the file's name is the leg's id (PM-6)."""

import json
from pathlib import Path

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import SendLeg


class ChequeRail:
    """Writes cheques; a payee whose name begins with `closed_` has no address any more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, leg: SendLeg) -> tuple[LegReport, str]:
        """Write it once; other content under the same id is refused."""
        content = json.dumps([leg.reference, leg.amount_minor])
        file = self._folder / leg.leg_id
        if not file.exists():
            file.write_text(content)
        if file.read_text() != content:
            return LegReport.REJECTED, "IDEMPOTENCY_CONFLICT: other content"
        return _told(content)

    async def query(self, leg_id: str) -> tuple[LegReport, str] | None:
        """What became of it."""
        file = self._folder / leg_id
        return _told(file.read_text()) if file.exists() else None


def _told(content: str) -> tuple[LegReport, str]:
    closed = json.loads(content)[0].startswith("closed_")
    return (LegReport.CLOSED, "INSTRUMENT_CLOSED") if closed else (LegReport.SETTLED, "")
'''

def follow(copy: Scratch) -> str:
    """Add it; answers the contract test, which it passes beside the others."""
    copy.insert("protos/settlement/credit_ledger/v1/leg.proto", "}\n\n// How far a leg is", '''\
  // A cheque by mail.
  RAIL_CHEQUE = 3;
''')
    copy.insert(f"{SERVICE}/domain/model/leg.py", '    PAYOUT = "PAYOUT"\n', '    CHEQUE = "CHEQUE"\n')
    copy.write(f"{SERVICE}/rails/cheque.py", RAIL)
    rails = f"{SERVICE}/rails/__init__.py"
    copy.insert(rails, "from services.credit_ledger.rails.rail import", '''\
from services.credit_ledger.rails.cheque import ChequeRail
''')
    copy.insert(rails, "Rail.PAYOUT: acquirer", '''Rail.CHEQUE: ChequeRail(Path(settings.option("cheques"))), ''')
    copy.insert(rails, "import uuid_utils\n", "from pathlib import Path\n\n")
    copy.insert(TEST, "    async with sandbox(tmp_path / \"bank.sqlite\") as bank:\n        yield", '''\
    if request.param == "cheque":
        yield ChequeRail(tmp_path)
        return
''')
    copy.insert(TEST, '"sandbox"])', '"cheque", ')
    copy.insert(TEST, "from services.credit_ledger.rails.rail import", '''\
from services.credit_ledger.rails.cheque import ChequeRail
''')
    copy.generate()
    return TEST
