"""Imports go down only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_layer_contract_is_kept():
    pytest.importorskip("importlinter")
    code = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imports go down only (docs/adr/0005) KEPT" in done.stdout
    assert "0 broken" in done.stdout


def test_heavy_libraries_have_one_door_each():
    doors = {
        "import faiss": {"index/vectors.py"},
        "import torch": set(),
        "from sentence_transformers": {"encoders/sentence_transformer.py"},
        "from sklearn": {"classifier.py", "evaluation.py"},
        "import openpyxl": {"tables/excel_input.py", "tables/excel_output.py"},
    }
    package = ROOT / "textshot"
    for statement, allowed in doors.items():
        found = {
            str(path.relative_to(package))
            for path in package.rglob("*.py")
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.strip().startswith(statement)
        }
        assert found <= allowed, statement
