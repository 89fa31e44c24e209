"""What users are told to install is our distribution, with extras that it has."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from textshot.batch.ray import import_ray
from textshot.errors import TextshotError

ROOT = Path(__file__).parents[1]
PLACES = ("README.md", "CHANGELOG.md", "textshot", "docs", "deploy", "examples", "benchmarks")
KINDS = {".py", ".md", ".html", ".j2", ".js", ".toml", ".service", ""}
LITERALS = re.compile(r"""["']\n\s*f?["']""")
"""Where a message goes on in the next line of a program."""

FOREIGN = re.compile(
    r"""\btextshot\[[a-z]                                     # an extra of the other project
    |\b(?:pip|pipx|uv|conda|poetry)\ +(?:\w+\ +)?(?:install|add)\b
     [^\n`]*?[ "']textshot(?![\w./-])                         # or that project by its bare name
    """,
    re.VERBOSE,
)
EXTRAS = re.compile(r"textshot-classifier\[([a-z0-9, ]+)\]")


def told() -> list[tuple[str, str]]:
    """Return every file that users read, or that prints what they read, with its text."""
    roots = [ROOT / place for place in PLACES]
    files = [f for root in roots for f in (root.rglob("*") if root.is_dir() else [root])]
    return [
        (str(file.relative_to(ROOT)), LITERALS.sub("", file.read_text(encoding="utf-8")))
        for file in sorted(files)
        if file.is_file() and file.suffix in KINDS and "__pycache__" not in file.parts
    ]


@pytest.mark.parametrize(
    ("advice", "is_foreign"),
    [
        ("pip install 'textshot[ray]'", True),
        ("pip install textshot", True),
        ("uv tool install --upgrade textshot", True),
        ('pip install "textshot-classifier[ray]"', False),
        ("/opt/textshot/bin/pip install textshot-classifier", False),
        ("pip install ./textshot/", False),
    ],
)
def test_the_other_project_is_told_from_ours(advice: str, is_foreign: bool):
    assert bool(FOREIGN.search(advice)) is is_foreign


def test_nobody_is_told_to_install_the_other_project_called_textshot():
    assert [(name, found[0]) for name, text in told() for found in FOREIGN.finditer(text)] == []


def test_every_extra_that_is_advised_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = set(project["optional-dependencies"])
    advised = {
        (name, extra.strip())
        for name, text in told()
        for found in EXTRAS.finditer(text)
        for extra in found[1].split(",")
    }
    assert {extra for _, extra in advised} >= {"bundled", "ray", "serve", "spacy", "static"}
    assert {(name, extra) for name, extra in advised if extra not in there} == set()


def test_without_ray_the_error_names_our_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(TextshotError, match=r'pip install "textshot-classifier\[ray\]"'):
        import_ray()
