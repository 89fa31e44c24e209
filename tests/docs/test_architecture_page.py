"""The page on the organisation of the code shows the packages, layers and files that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "textshot"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TREE, LAYERS, *_ = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
IN_NO_TREE = {"__init__.py", "__main__.py", "_version.py", "py.typed", "__pycache__"}


def test_the_tree_lists_every_package_and_module():
    listed = re.findall(r"^  (\S+?)/? ", TREE, re.MULTILINE)
    assert sorted(listed) == sorted({path.name for path in PACKAGE.iterdir()} - IN_NO_TREE)


def test_the_layers_are_those_that_import_linter_checks():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = [
        contract
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and contract["containers"] == ["textshot"]
    ]
    assert LAYERS.split("\n")[:-1] == [x for x in contract["layers"] if x != "__main__"]


def test_every_file_it_names_exists():
    paths = re.findall(r"`((?:tests/|textshot/)?\w+/(?:\w+/)?(?:\w+\.py)?)`", PAGE)
    assert len(paths) > 15
    missing = [p for p in paths if not ((PACKAGE / p).exists() or (ROOT / p).exists())]
    assert missing == []
