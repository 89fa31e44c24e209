"""The limits and rules of docs/architecture.md, held over the syntax trees of the package."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "textshot"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
MAX_ENTRIES, MAX_MODULES, MAX_LAYERS = 26, 216, 12
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 50


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


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
    "nncf": {"encoders/compiled/export.py"},
    "openvino": {"encoders/compiled/graphs.py"},
    "onnxruntime": {"encoders/compiled/graphs.py"},
    "model2vec": {"encoders/distill.py"},
    "tokenizers": {"encoders/compiled/tokens.py"},
    "sentence_transformers": {"encoders/sentence_transformer.py", "training/"},
    "huggingface_hub": {"encoders/hub.py", "engine/hub.py"},
    "spacy": {"integrations/spacy.py", "integrations/spacy_predictions.py"},
    "transformers": {"encoders/hub.py"},
    "sklearn": {"estimators/", "evaluation/", "networks/linear.py", "reports/"},
    "fastapi": {"service/"},
    "ray": {"batch/ray.py"},
    "openpyxl": {"io/excel.py", "io/excel_writer.py", "io/excel_review.py"},
}
"""The one place, a module or a package, that may import each heavy library."""


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno


@pytest.mark.parametrize("library", BOUNDARIES)
def test_each_heavy_library_has_one_import_boundary(library: str):
    boundary = BOUNDARIES[library]
    for module in MODULES:
        if not any(module == b or (b[-1] == "/" and module.startswith(b)) for b in boundary):
            lines = [line for name, line in imports(tree_of(module)) if name == library]
            assert not lines, f"{module}:{lines[0]} imports {library}"


def test_every_import_boundary_exists():
    for places in BOUNDARIES.values():
        assert all((PACKAGE / place).exists() for place in places), places


def test_the_package_has_few_entries_modules_and_layers():
    entries = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MAX_ENTRIES
    assert len(MODULES) <= MAX_MODULES
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = project["tool"]["importlinter"]["contracts"]
    assert len(contract["layers"]) <= MAX_LAYERS


def test_modules_and_functions_are_short():
    lengths = {
        module: (PACKAGE / module).read_text(encoding="utf-8").count("\n") for module in MODULES
    }
    assert {m: lines for m, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}
    functions = {
        f"{module}: {node.name}": node.end_lineno - node.lineno + 1
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {f: lines for f, lines in functions.items() if lines > MAX_FUNCTION_LINES} == {}


def state_of_an_index(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Yield `index.state`, `my_index._state`, `engine.index.state` and their like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("state", "_state"):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name.lower().endswith("index"):
                yield node


def test_only_engine_and_index_use_the_state_of_an_index():
    outside = [module for module in MODULES if not module.startswith(("engine/", "index/"))]
    uses = [
        f"{module}:{node.lineno}"
        for module in outside
        for node in state_of_an_index(tree_of(module))
    ]
    assert uses == []


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("engine.index.state.labels", 1),
        ("f(index._state, my_index.state)", 2),
        ("self._index.state", 1),
        ("Index.load(path).labels, job.state, index.labels", 0),
    ],
)
def test_a_use_of_the_state_is_seen(code: str, uses: int):
    assert len(list(state_of_an_index(ast.parse(code)))) == uses


DURABLE = {"_files.py", "batch/run_log.py"}
"""The one atomic writer and lock, and the log that a job appends to."""


def test_files_are_locked_and_synced_in_one_place():
    uses = {
        f"{module}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("FileLock", "filelock.FileLock", "os.fsync")
        and module not in DURABLE
    }
    assert uses == set()


def test_using_a_network_loads_no_torch_only_learning_does():
    code = "import sys; import textshot.networks, textshot.engine; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_nothing_is_pickled_or_unpickled():
    pickles = {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal"}
    for module in MODULES:
        lines = [line for name, line in imports(tree_of(module)) if name in pickles]
        assert not lines, f"{module}:{lines[0]} imports a library that runs code when it reads"
