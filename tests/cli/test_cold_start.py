"""Starting is cheap: heavy libraries are imported when they are used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {
    "faiss",
    "huggingface_hub",
    "numpy",
    "openpyxl",
    "pandas",
    "pyarrow",
    "safetensors",
    "scipy",
    "sentence_transformers",
    "sklearn",
    "torch",
    "transformers",
}
TRAINING = {"torch", "transformers", "sentence_transformers", "sklearn"}


def imported(*command, **variables):
    """Return the modules that a Python process imports, as `-X importtime` lists them."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    return {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}


def packages(modules):
    return {name.partition(".")[0] for name in modules}


@pytest.fixture(scope="module")
def bare():
    """The modules of a Python that does nothing, which nobody can save."""
    return imported("-c", "pass")


@pytest.mark.parametrize(
    ("command", "most"),
    [
        (["-c", "import textshot"], 60),
        (["-m", "textshot", "--help"], 200),
        (["-m", "textshot", "--version"], 200),
        (["-m", "textshot", "categorize", "--help"], 200),
        (["-m", "textshot", "labels", "add", "--help"], 200),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_starting_imports_few_modules_and_no_heavy_library(bare, command, most):
    modules = imported(*command)
    assert any(name.partition(".")[0] == "textshot" for name in modules)
    assert packages(modules) & HEAVY == set()
    assert len(modules - bare) <= most


def test_classifying_with_a_light_encoder_loads_neither_torch_nor_scikit_learn(tmp_path):
    (tmp_path / "c.csv").write_text("label,text\na,money\nb,parcel\n")
    made = ["index", str(tmp_path / "c.csv"), "-o", str(tmp_path / "made"), "--encoder", "hashing"]
    for command in (made, ["classify", str(tmp_path / "made"), "money"]):
        loaded = imported("-m", "textshot", *command)
        assert packages(loaded) & TRAINING == set()


def test_classifying_with_a_static_encoder_loads_neither_torch_nor_scikit_learn(tmp_path):
    import numpy as np
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = tmp_path / "static"
    made.mkdir()
    words = Tokenizer(models.WordLevel({"money": 0, "parcel": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(made / "tokenizer.json"))
    save_file({"embedding.weight": np.eye(3, dtype=np.float32)}, made / "model.safetensors")
    (made / "modules.json").write_text('[{"type": "sentence_transformers.x.StaticEmbedding"}]')
    (tmp_path / "c.csv").write_text("label,text\na,money\nb,parcel\n")
    out = str(tmp_path / "made")
    index = ["index", str(tmp_path / "c.csv"), "-o", out, "--encoder", str(made)]
    for command in (index, ["classify", out, "money"]):
        loaded = imported("-m", "textshot", *command, TEXTSHOT_BACKEND="auto")
        assert packages(loaded) & TRAINING == set()
