"""A release after this one, as a folder that goes before the checkout on PYTHONPATH: the same code with one migration
more, a field more in what callers read and in a command between services, and a version of its own that it says there.
"""

import ast
import shutil
from pathlib import Path

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from tests.deploy.image import ROOT

VERSION = "N+1"
FIELD, NUMBER = "said_by", 1_000
"""The new field, of orders and of the command that gives back what is held."""
MIGRATION = """-- migrate:up
-- Which release wrote an order last. Runs before the release that writes it, and beside the one before, which does not.

alter table orders add column said_by text;
"""
SAID = (
    ("services/order/wire/orders.py", "    if order.cancel_reason:\n", f"    message.{FIELD} = '{VERSION}'\n"),
    ("services/order/wire/participants.py", "    _pin(message, body.pins)\n    return message\n\n\ndef return_bank",
     f"    message.{FIELD} = '{VERSION}'\n"),
)
"""Where a file says it, before which text."""


def make(folder: Path) -> Path:
    """Write it; answers what PYTHONPATH has to name, the first entry first."""
    for package in ("services", "gateway"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    generated = folder / "settlement"
    shutil.copytree(ROOT / "protos" / "gen" / "settlement", generated, ignore=shutil.ignore_patterns("__pycache__"))
    _add_field(generated / "order" / "v1" / "order_pb2.py", "Order")
    _add_field(generated / "credit_ledger" / "v1" / "commands_pb2.py", "ReleaseTenders")
    (folder / "services" / "order" / "migrations" / "9999_next.sql").write_text(MIGRATION)
    for name, before, said in SAID:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(before) == 1, name
        (folder / name).write_text(text.replace(before, said + before), encoding="utf-8")
    return folder


def _add_field(file: Path, message: str) -> None:
    """Generated code holds its file's descriptor as bytes; everything else is made of that."""
    text = file.read_text(encoding="utf-8")
    [known] = [
        call.args[0] for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "AddSerializedFile"
    ]
    assert isinstance(known, ast.Constant)
    assert isinstance(known.value, bytes)
    described = FileDescriptorProto.FromString(known.value)
    [changed] = [each for each in described.message_type if each.name == message]
    changed.field.add(
        name=FIELD, json_name="saidBy", number=NUMBER, label=FieldDescriptorProto.LABEL_OPTIONAL,
        type=FieldDescriptorProto.TYPE_STRING,
    )
    line = text.splitlines()[known.lineno - 1]
    written = f"DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile({described.SerializeToString()!r})"
    file.write_text(text.replace(line, written), encoding="utf-8")
