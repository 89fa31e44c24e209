"""Every dotted name in documents and docstrings can be imported."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("textshot/**/*.py")]
NAME = re.compile(r"`(textshot(?:\.[A-Za-z_]\w*)+)(?:\(\))?`")
FILES = {"textshot.json", "textshot.toml", "textshot.service"}
"""Files with such names, which are no names of Python."""

REFERENCES = sorted(
    {
        (match[1], str(path.relative_to(ROOT)))
        for path in PAGES
        for match in NAME.finditer(path.read_text(encoding="utf-8"))
        if match[1] not in FILES
    }
)


@pytest.mark.parametrize(("name", "page"), REFERENCES)
def test_a_name_in_backticks_can_be_imported(name: str, page: str):
    try:
        resolve_name(name)
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{page} mentions {name}: {error}")
