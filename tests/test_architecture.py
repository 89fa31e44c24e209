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


BOUNDARIES = {
    "faiss": {"index/search.py"},
    "torch": {
        "encoders/sentence_transformer.py",
        "encoders/compiled/export.py",
        "networks/",
        "training/",
    },
    "nncf": {"encoders/compiled/int8.py"},
    "openvino": {"encoders/compiled/openvino_graph.py"},
    "onnxruntime": {"encoders/compiled/onnx_graph.py"},
    "model2vec": {"encoders/distill/"},
    "tokenizers": {"encoders/compiled/tokens.py"},
    "sentence_transformers": {"encoders/sentence_transformer.py", "training/"},
    "huggingface_hub": {"encoders/hub.py", "encoders/quiet.py", "integrations/hub.py"},
    "spacy": {"integrations/spacy.py", "integrations/spacy_predictions.py"},
    "transformers": {"encoders/quiet.py"},
    "sklearn": {"estimators/", "evaluation/", "networks/linear.py", "reports/"},
    "fastapi": {"service/"},
    "ray": {"batch/ray.py"},
    "openpyxl": {"io/excel_input.py", "io/excel_output.py", "io/excel_review.py"},
}
"""The one place, a module or a package, that may import each heavy library."""


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node


def test_each_heavy_library_has_one_import_boundary():
    package = ROOT / "textshot"
    for path in package.rglob("*.py"):
        module = path.relative_to(package).as_posix()
        for name, node in imports(path):
            allowed = BOUNDARIES.get(name, {module})
            inside = any(module == b or (b[-1] == "/" and module.startswith(b)) for b in allowed)
            assert inside, f"{module}:{node.lineno} imports {name}"


def test_using_a_network_loads_no_torch_only_learning_does():
    code = "import sys; import textshot.networks, textshot.engine; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
