"""Starting costs next to nothing: heavy libraries are loaded when they are used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

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
SCRIPT = str(Path(sys.executable).with_name("textshot"))
TRIES = 3


def imported(*command, **variables):
    """The packages that a Python process imports, as `-X importtime` lists them."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    listed = [line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line]
    assert "textshot" in listed
    return {name.partition(".")[0] for name in listed}


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import textshot"],
        ["-m", "textshot", "--help"],
        ["-m", "textshot", "--version"],
        ["-m", "textshot", "categorize", "--help"],
        ["-m", "textshot", "labels", "add", "--help"],
    ],
    ids=" ".join,
)
def test_starting_loads_no_heavy_library(command):
    assert imported(*command) & HEAVY == set()


def test_classifying_with_a_light_encoder_loads_neither_torch_nor_scikit_learn(tmp_path):
    (tmp_path / "c.csv").write_text("label,text\na,money\nb,parcel\n")
    made = ["index", str(tmp_path / "c.csv"), "-o", str(tmp_path / "made"), "--encoder", "hashing"]
    for command in (made, ["classify", str(tmp_path / "made"), "money"]):
        loaded = imported("-m", "textshot", *command)
        assert loaded & {"torch", "transformers", "sentence_transformers", "sklearn"} == set()


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
        assert loaded & {"torch", "transformers", "sentence_transformers", "sklearn"} == set()


def seconds(command):
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def ratio(command, base):
    """Best of ten, run in turns so that a busy machine slows both."""
    pairs = [(seconds(command), seconds(base)) for _ in range(10)]
    return min(c for c, _ in pairs) / min(b for _, b in pairs)


@pytest.mark.parametrize(
    ("command", "most"),
    [
        ([sys.executable, "-c", "import textshot"], 5),
        ([sys.executable, "-m", "textshot", "--help"], 12),
        ([SCRIPT, "--help"], 12),
    ],
    ids=["import", "module --help", "script --help"],
)
def test_starting_takes_a_few_times_what_python_takes(command, most):
    found = []
    while len(found) < TRIES and min(found, default=most + 1) > most:
        found.append(ratio(command, [sys.executable, "-c", "pass"]))
    sys.stdout.write(f"{' '.join(command)}: {found} times `python -c pass`")
    assert min(found) <= most
