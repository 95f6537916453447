"""CONTRIBUTING's recipes, each followed once in a copy of the checkout; they touch as many files as they say."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.contributing import (
    recipe_channel,
    recipe_message,
    recipe_provider,
    recipe_rail,
    recipe_rpc,
    recipe_rule,
    recipe_settlement,
    recipe_settling,
)
from tests.contributing.scratch import ROOT, scratch

RECIPES = {
    "Add a rule": recipe_rule,
    "Add a message": recipe_message,
    "Add an RPC": recipe_rpc,
    "Add a kind of settlement": recipe_settlement,
    "Add a rail": recipe_rail,
    "Add a recycling channel": recipe_channel,
    "Add a way to settle": recipe_settling,
    "Add a verification provider": recipe_provider,
}


def _files_promised(heading: str) -> int:
    """What the heading says: `## Add a rule (2 files)`."""
    found = re.search(rf"^## {heading} \((\d+) files\)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert found, f"CONTRIBUTING has no heading `## {heading} (<n> files)`"
    return int(found[1])


@pytest.mark.parametrize(("heading", "recipe"), RECIPES.items(), ids=RECIPES)
def test_a_recipe_works_and_counts_its_files(heading: str, recipe: ModuleType, tmp_path: Path) -> None:
    """What it adds is decided, called or paid by the copy's own code; generated files are not counted."""
    with scratch(tmp_path / "copy") as copy:
        test = recipe.follow(copy)

        copy.prove(test)

        assert len(copy.touched()) == _files_promised(heading), copy.touched()
