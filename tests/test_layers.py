"""Imports go down only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_layer_contract_is_kept():
    code = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imports go down only (docs/adr/0005) KEPT" in done.stdout
    assert "0 broken" in done.stdout


DOORS = {
    "faiss": {"index/vectors.py"},
    "torch": {
        "encoders/sentence_transformer.py",
        "encoders/twins/export.py",
        "networks/",
        "training/",
    },
    "nncf": {"encoders/twins/int8.py"},
    "openvino": {"encoders/twins/openvino_graph.py"},
    "onnxruntime": {"encoders/twins/engines.py"},
    "model2vec": {"encoders/distil.py"},
    "tokenizers": {"encoders/twins/tokens.py"},
    "sentence_transformers": {"encoders/sentence_transformer.py", "training/"},
    "huggingface_hub": {"encoders/hub.py", "encoders/quiet.py", "integrations/hub.py"},
    "spacy": {"integrations/spacy.py", "integrations/stored.py"},
    "transformers": {"encoders/quiet.py"},
    "sklearn": {"classifier.py", "evaluation/", "networks/linear.py", "report/", "transformer.py"},
    "openpyxl": {
        "tables/excel_input.py",
        "tables/excel_output.py",
        "tables/excel_parts.py",
        "tables/excel_review.py",
    },
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node


def test_heavy_libraries_have_one_door_each():
    package = ROOT / "textshot"
    for path in package.rglob("*.py"):
        place = path.relative_to(package).as_posix()
        for name, node in imports(path):
            doors = DOORS.get(name, {place})
            through = any(place == d or (d[-1] == "/" and place.startswith(d)) for d in doors)
            assert through, f"{place}:{node.lineno} imports {name}"


def test_using_a_network_loads_no_torch_only_learning_does():
    code = "import sys; import textshot.networks, textshot.engine; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
