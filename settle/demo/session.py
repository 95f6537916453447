"""A demo from nothing to the auditor's verdict: a stack of its own in a fresh folder, the story, the check."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from settle.audit.auditor import Asked, audit_since
from settle.client.bank import Bank
from settle.client.calls import Fault, Rejected
from settle.client.channels import credentials_of
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.shop import Shop
from settle.client.tokens import Tokens
from settle.demo.story import Story
from settle.demo.telling import Book
from settle.local.endpoints import acquirer_of, dsns_of, sandboxes_of, targets_of
from settle.local.stack import LocalStack


def show(book: Book, broker: str, processes: int, tls: bool, say: Callable[[str], None]) -> None:
    """Start everything, tell the story into the book, have it audited, stop everything."""
    folder = Path(tempfile.mkdtemp(prefix="settle-demo-"))
    try:
        with LocalStack(
            folder, broker, "manual", durable=False, processes=processes, say=say, gateway=True, tls=tls
        ) as stack:
            asyncio.run(_told(book, stack.endpoints))
            _audited(book, stack.endpoints)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _told(book: Book, endpoints: Mapping[str, Any]) -> None:  # Any: the endpoints file
    tokens = Tokens.of(endpoints)
    engine = Engine(targets_of(endpoints), sandboxes_of(endpoints), tokens)
    bank, customer = Bank(endpoints["acquirer"]["target"], tokens), Customer.new()
    try:
        await Story(engine, Shop(engine, customer), Desk(engine, customer), bank, book).tell()
    except Rejected as rejection:
        book.claim(f"the engine took every step (refused: {rejection.reason} {rejection.detail})", holds=False)
    except Fault as fault:
        book.claim(f"the engine took every step ({fault})", holds=False)
    finally:
        await bank.close()
        await engine.close()


def _audited(book: Book, endpoints: Mapping[str, Any]) -> None:  # Any: the endpoints file
    book.chapter("The auditor's verdict")
    asked = Asked(strict=True, acquirer=acquirer_of(endpoints), credentials=credentials_of(endpoints))
    report, _ = asyncio.run(audit_since(dsns_of(endpoints), asked))
    looked = ", ".join(f"{count} {name}" for name, count in report.figures.items())
    book.say(f"{len(report.checks)} promises checked over {looked} in {len(endpoints['services'])} databases.")
    rows = [[f.check, f.where, f.what, f.expected, f.actual] for f in report.findings]
    if rows:
        book.table("what does not hold", ("promise", "where", "what", "expected", "actual"), rows)
    for note in report.notes:
        book.say(note)
    book.claim("every promise holds: books, limits, settlements, sequences", report.clean)
