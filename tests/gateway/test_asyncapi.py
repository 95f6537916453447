"""The AsyncAPI document, by the schema of its specification as the AsyncAPI initiative publishes it."""

import json
import shutil
import subprocess
import tarfile
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gateway.documents import asyncapi

SPECS = "@asyncapi/specs@6.11.1"


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Draft7Validator:
    """Of version 3.0, out of the package."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    folder = tmp_path_factory.mktemp("asyncapi")
    subprocess.run(["npm", "pack", "--silent", SPECS], cwd=folder, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        schema = packed.extractfile("package/schemas/3.0.0.json")
        assert schema is not None
        return Draft7Validator(json.load(schema))


def _errors(validator: Draft7Validator, document: Any) -> list[str]:
    return [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in validator.iter_errors(document)]


@pytest.mark.long
def test_the_document_is_one(validator: Draft7Validator) -> None:
    """As it is served."""
    document = json.loads(json.dumps(asyncapi.document()))

    assert document["asyncapi"] == "3.0.0"
    assert _errors(validator, document) == []


@pytest.mark.long
def test_what_is_none_is_found(validator: Draft7Validator) -> None:
    """An operation that neither sends nor receives."""
    document = json.loads(json.dumps(asyncapi.document()))
    next(iter(document["operations"].values()))["action"] = "wonder"

    assert _errors(validator, document)
