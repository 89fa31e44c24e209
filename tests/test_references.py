"""What documents and docstrings point at is there."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[1]
PLACES = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("textshot/**/*.py")]
NAME = re.compile(r"`(textshot(?:\.[A-Za-z_]\w*)+)(?:\(\))?`")
FILES = {"textshot.json", "textshot.toml", "textshot.service"}
"""Files that are called so, and no names of Python."""

REFERENCES = sorted(
    {
        (found[1], str(path.relative_to(ROOT)))
        for path in PLACES
        for found in NAME.finditer(path.read_text(encoding="utf-8"))
        if found[1] not in FILES
    }
)


@pytest.mark.parametrize(("name", "place"), REFERENCES)
def test_a_name_in_backticks_can_be_imported(name: str, place: str):
    try:
        resolve_name(name)
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{place} points at {name}: {error}")
