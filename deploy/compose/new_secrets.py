"""Makes deploy/compose/secrets.env, once: passwords and keys of this installation's own, which nobody else can read.

Standard library only. Give the file to compose with `--env-file deploy/compose/secrets.env`.
"""

import base64
import os
import secrets
import sys
import uuid
from pathlib import Path

PLACE = Path(__file__).with_name("secrets.env")
KEYS = ("QUOTE", "DRAFT", "CARD_INDEX", "CARD_VERIFICATION", "CHAIN", "IDENTITY")
SERVICES = ("ORDER", "CREDIT_LEDGER", "CARD_REDEMPTION")
PASSWORDS = ("POSTGRES", "GRAFANA", "AUDITOR", *SERVICES, *(f"{service}_OWNER" for service in SERVICES))
VERSIONED = ("CARD", "MAC_AUDIT", *(f"MAC_{service}" for service in SERVICES))


def main() -> int:
    """Write the file; one that is there stays as it is, for its keys are in use."""
    try:
        place = os.open(PLACE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.stderr.write(f"{PLACE} is there already and stays as it is\n")
        return 0
    with os.fdopen(place, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={text}\n" for name, text in made().items())
    return 0


def made() -> dict[str, str]:
    """New secrets by the names under which compose.yaml asks for them."""
    keys = {f"SETTLE_{use}_KEY": secrets.token_hex(32) for use in KEYS}
    passwords = {f"SETTLE_{whose}_PASSWORD": secrets.token_urlsafe(24) for whose in PASSWORDS}
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    versioned = {f"SETTLE_{use}_KEYS": f"1:{secrets.token_hex(32)}" for use in VERSIONED}
    return {**keys, **versioned, **passwords, "SETTLE_KAFKA_CLUSTER": cluster}


if __name__ == "__main__":
    raise SystemExit(main())
