"""A recycling channel: one more row of the file that comes with the release."""

from tests.contributing.scratch import Scratch

SHIPPED = "services/card_redemption/channels/shipped.yaml"
TEST = "tests/services/card_redemption/test_documents.py"


def follow(copy: Scratch) -> str:
    """Add it; answers the test that knows what the release comes with."""
    copy.insert(SHIPPED, "  ESCROW:", '''\
  WEEKEND:  # 周末专享
    name: 周末回收
    kind: THIRD_PARTY
    rate_ppm: 910000
    window_seconds: 300
    only_unverified: true
    fee: {flat_minor: 100}
''')
    copy.insert(TEST, '"CROSSBORDER": None, "ESCROW": None,', '"WEEKEND": 300, ')
    copy.insert(TEST, '"KAQUANMAO": 10_000, "SUHUISHOU": 500,', '"WEEKEND": 100, ')
    return TEST
