"""The default encoder and its compiled forms: vectors, decisions, indexes."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from textshot import Category, Engine
from textshot.cli import main
from textshot.encoders import load_encoder
from textshot.encoders.adapter import SHIPPED_FOLDER
from textshot.encoders.compiled.graphs import has_bf16
from textshot.errors import EncoderError

SUPPORT = Path(__file__).parents[3] / "examples" / "support"
KINDS = [("openvino", "fp32"), ("openvino", "bf16"), ("onnx", "fp32")]
LEAST = {"fp32": 1 - 1e-6, "bf16": 0.9998}
NEAR = {"fp32": 1e-5, "bf16": 2e-3}


def rows_of(name):
    with (SUPPORT / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def texts():
    return [row["text"] for row in rows_of("labelled.csv")[::3]]


@pytest.fixture(scope="module")
def categories():
    return [Category(row["label"], examples=[row["text"]]) for row in rows_of("categories.csv")]


@pytest.fixture(scope="module")
def reference(real_encoder, texts):
    return real_encoder.encode(texts)


@pytest.fixture(scope="module")
def answers(real_encoder, texts, categories):
    return Engine.build(categories, encoder=real_encoder).classify(texts)


@pytest.fixture(scope="module", params=KINDS, ids=" ".join)
def compiled(request):
    """A compiled encoder and its precision: fp32 where the CPU has no bf16."""
    backend, precision = request.param
    if precision == "bf16" and not has_bf16():
        with pytest.raises(EncoderError, match="this CPU does not compute in bf16"):
            load_encoder(backend=backend, precision=precision)
        precision = "fp32"
    return load_encoder(backend=backend, precision=precision), precision


@pytest.fixture(scope="module")
def rows(compiled, texts):
    return compiled[0].encode(texts)


def test_the_vectors_are_those_of_the_reference(compiled, rows, reference, real_encoder):
    encoder, precision = compiled
    assert encoder.fingerprint == real_encoder.fingerprint
    assert encoder.spec == real_encoder.spec
    assert (rows * reference).sum(axis=1).min() >= LEAST[precision]
    if precision == "fp32":
        np.testing.assert_allclose(rows, reference, atol=1e-5)


def test_any_cosine_is_that_of_the_reference(compiled, rows, reference):
    precision = compiled[1]
    apart = np.abs(rows @ rows.T - reference @ reference.T)
    assert (apart <= NEAR[precision]).mean() > 0.999
    assert apart.max() <= 2.5 * NEAR[precision]


def test_a_text_alone_is_what_it_is_in_a_batch(compiled, rows, texts):
    encoder, _ = compiled  # in bf16 too: OpenVINO gives the very same numbers, ONNX Runtime to 1e-7
    alone = [encoder.encode([text])[0] for text in texts[::20]]
    np.testing.assert_allclose(alone, rows[::20], atol=1e-6)


def test_a_long_text_is_read_to_its_end(compiled, texts, real_encoder):
    encoder, precision = compiled
    long = [" ".join(texts[:60]), " ".join(texts[60:200])]
    assert encoder.truncation_stats(long) == real_encoder.truncation_stats(long)
    cosines = (encoder.encode(long) * real_encoder.encode(long)).sum(axis=1)
    assert cosines.min() >= LEAST[precision]


def test_the_answers_are_those_of_the_reference(compiled, texts, categories, answers):
    encoder, precision = compiled
    found = Engine.build(categories, encoder=encoder).classify(texts)
    near = NEAR[precision]
    for one, other in zip(found, answers, strict=True):
        assert one.score == pytest.approx(other.score, abs=near)
        clear = min(other.margin, abs(other.score - other.threshold))
        assert one.label == other.label or (precision == "bf16" and clear < near)


def test_indexes_open_with_either(compiled, categories, real_encoder, tmp_path):
    encoder, precision = compiled
    Engine.build(categories, encoder=real_encoder).save(tmp_path / "theirs")
    Engine.build(categories, encoder=encoder).save(tmp_path / "ours")
    backend = encoder.source.split()[-2]
    question = ["where is my parcel?"]
    scores = [
        Engine.load(tmp_path / "theirs", backend=backend, precision=precision),
        Engine.load(tmp_path / "theirs", encoder=encoder),
        Engine.load(tmp_path / "ours", backend="torch", device="cpu"),
        Engine.load(tmp_path / "ours", encoder=real_encoder),
    ]
    told = [engine.classify(question)[0].score for engine in scores]
    np.testing.assert_allclose(told, told[0], atol=NEAR[precision])


def test_the_command_gives_the_labels_and_scores_of_the_reference(
    categories, real_encoder, texts, tmp_path
):
    Engine.build(categories, encoder=real_encoder).save(tmp_path / "index")
    lines, told = [text for text in texts if "\n" not in text][:100], []
    for options in (["openvino", "--precision", "fp32"], ["torch", "--device", "cpu"]):
        words = ["classify", str(tmp_path / "index"), "--json", "--backend", *options]
        result = CliRunner().invoke(main, words, input="\n".join(lines))
        assert result.exit_code == 0, result.output
        told.append([json.loads(line) for line in result.stdout.splitlines()])
    assert len(told[0]) == len(told[1]) == 100
    for one, other in zip(*told, strict=True):
        assert one["label"] == other["label"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)


def test_an_adapter_of_a_relative_path_is_kept_whole(tmp_path, monkeypatch):
    shutil.copy(SHIPPED_FOLDER / "general-1.safetensors", tmp_path / "own.safetensors")
    monkeypatch.chdir(tmp_path)
    compiled = load_encoder(adapter="own.safetensors", backend="openvino", precision="fp32")
    plain = load_encoder(adapter="own.safetensors", device="cpu", backend="torch")
    assert compiled.spec == plain.spec
    assert compiled.spec["layer"] == str(tmp_path / "own.safetensors")
    assert compiled.fingerprint == plain.fingerprint
