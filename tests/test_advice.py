"""Advice to install names our distribution and extras that it has."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from textshot.batch.ray import import_ray
from textshot.errors import TextshotError

ROOT = Path(__file__).parents[1]
SOURCES = ("README.md", "CHANGELOG.md", "textshot", "docs", "deploy", "examples", "benchmarks")
SUFFIXES = {".py", ".md", ".html", ".j2", ".js", ".toml", ".service", ""}
LITERALS = re.compile(r"""["']\n\s*f?["']""")
"""Where a string literal continues on the next line."""

OTHER_PROJECT = re.compile(
    r"""\btextshot\[[a-z]                                     # an extra of the other project
    |\b(?:pip|pipx|uv|conda|poetry)\ +(?:\w+\ +)?(?:install|add)\b
     [^\n`]*?[ "']textshot(?![\w./-])                         # or that project by its bare name
    """,
    re.VERBOSE,
)
EXTRAS = re.compile(r"textshot-classifier\[([a-z0-9, ]+)\]")


def published_texts() -> list[tuple[str, str]]:
    """Return the name and text of every file that users read or whose output they read."""
    roots = [ROOT / source for source in SOURCES]
    files = [f for root in roots for f in (root.rglob("*") if root.is_dir() else [root])]
    return [
        (str(file.relative_to(ROOT)), LITERALS.sub("", file.read_text(encoding="utf-8")))
        for file in sorted(files)
        if file.is_file() and file.suffix in SUFFIXES and "__pycache__" not in file.parts
    ]


@pytest.mark.parametrize(
    ("advice", "is_other"),
    [
        ("pip install 'textshot[ray]'", True),
        ("pip install textshot", True),
        ("uv tool install --upgrade textshot", True),
        ('pip install "textshot-classifier[ray]"', False),
        ("/opt/textshot/bin/pip install textshot-classifier", False),
        ("pip install ./textshot/", False),
    ],
)
def test_the_other_project_is_recognised(advice: str, is_other: bool):
    assert bool(OTHER_PROJECT.search(advice)) is is_other


def test_no_advice_installs_the_other_project_called_textshot():
    assert [
        (name, match[0])
        for name, text in published_texts()
        for match in OTHER_PROJECT.finditer(text)
    ] == []


def test_every_extra_that_is_advised_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    advised = {
        (name, extra.strip())
        for name, text in published_texts()
        for match in EXTRAS.finditer(text)
        for extra in match[1].split(",")
    }
    assert {extra for _, extra in advised} >= {"bundled", "ray", "serve", "spacy", "static"}
    assert {(name, extra) for name, extra in advised if extra not in extras} == set()


def test_without_ray_the_error_names_our_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(TextshotError, match=r'pip install "textshot-classifier\[ray\]"'):
        import_ray()
