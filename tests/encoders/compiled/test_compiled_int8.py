"""The default encoder in 8 bits: near the reference, the same in any batch, one of its own."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from textshot import Category, Engine
from textshot.cli import main
from textshot.encoders import load_encoder
from textshot.encoders.compiled import verification
from textshot.encoders.compiled.export import INT8_MARK, wide_products
from textshot.encoders.compiled.graphs import OpenVinoGraph, import_openvino
from textshot.encoders.compiled.store import (
    GRAPH,
    INT8_GRAPH,
    INT8_MANIFEST,
    NotCompilableError,
    cache_folder,
    read_compiled,
)
from textshot.errors import EncoderError, EncoderMismatchError

SUPPORT = Path(__file__).parents[3] / "examples" / "support"
NAME = "all-MiniLM-L6-v2"


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
def int8():
    return load_encoder(NAME, backend="openvino", precision="int8")


@pytest.fixture
def compiled():
    """The folder of the compiled default encoder, put right again after the test."""
    [model] = (
        one
        for path in (cache_folder() / "compiled").iterdir()
        if path.is_dir() and (one := read_compiled(path)) and (path / INT8_MANIFEST).is_file()
        if one.dim == 384
    )
    before = {name: (model.folder / name).read_bytes() for name in (INT8_GRAPH, INT8_MANIFEST)}
    yield model
    for name, data in before.items():
        (model.folder / name).write_bytes(data)


def test_the_vectors_are_near_those_of_the_reference(int8, real_encoder, texts):
    cosines = (int8.encode(texts) * real_encoder.encode(texts)).sum(axis=1)
    assert cosines.min() > 0.985
    assert cosines.mean() > 0.996  # 0.9969 without products of bytes


def test_a_text_is_the_same_alone_in_any_batch_and_in_any_order(int8, texts):
    rows = int8.encode(texts)
    alone = np.concatenate([int8.encode([text]) for text in texts[:40]])
    np.testing.assert_allclose(rows[:40], alone, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_allclose(int8.encode([texts[i] for i in order]), rows[order], atol=1e-6)


def test_it_is_an_encoder_of_its_own(int8, real_encoder):
    assert int8.fingerprint == real_encoder.fingerprint + INT8_MARK
    assert int8.spec == {**real_encoder.spec, "precision": "int8"}
    assert int8.runtime == "openvino-int8"
    assert int8.source.endswith("openvino int8")


def test_an_index_in_8_bits_is_read_in_8_bits(int8, texts, categories, tmp_path, monkeypatch):
    built = Engine.build(categories, encoder=int8)
    built.save(tmp_path / "index")
    monkeypatch.delenv("TEXTSHOT_BACKEND")
    loaded = Engine.load(tmp_path / "index")
    assert loaded.encoder.runtime == "openvino-int8"
    expected = [(p.label, p.score) for p in built.classify(texts)]
    assert [(p.label, p.score) for p in loaded.classify(texts)] == expected
    words = ["classify", str(tmp_path / "index"), "--json", texts[0]]
    [line] = CliRunner().invoke(main, words).stdout.splitlines()
    assert json.loads(line)["label"] == expected[0][0]


def test_indexes_of_8_bits_and_of_more_do_not_mix(int8, real_encoder, categories, tmp_path):
    Engine.build(categories, encoder=int8).save(tmp_path / "int8")
    Engine.build(categories, encoder=real_encoder).save(tmp_path / "fp32")
    with pytest.raises(EncoderMismatchError, match="'precision': 'int8'"):
        Engine.load(tmp_path / "int8", backend="openvino", precision="fp32")
    with pytest.raises(EncoderMismatchError, match="build the index again with this one"):
        Engine.load(tmp_path / "fp32", backend="openvino", precision="int8")
    with pytest.raises(EncoderError, match="precision 'int8' with backend 'torch'"):
        Engine.load(tmp_path / "int8", backend="torch")


def test_it_is_quantized_once(int8, compiled, monkeypatch):
    monkeypatch.setattr(verification, "quantize", None)  # calling it would raise
    again = load_encoder(NAME, backend="openvino", precision="int8")
    assert again.encode(["a text"]).tolist() == int8.encode(["a text"]).tolist()
    for path in compiled.folder.glob("openvino-*-int8-*.json"):
        path.unlink()  # as on another machine, which compiles the same graph
    again = load_encoder(NAME, backend="openvino", precision="int8")
    np.testing.assert_allclose(again.encode(["a text"]), int8.encode(["a text"]), atol=1e-6)


def test_a_damaged_graph_is_made_again(int8, compiled, monkeypatch):
    for path in compiled.folder.glob("openvino-*-int8-*.json"):
        path.unlink()
    good = (compiled.folder / INT8_GRAPH).read_bytes()
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 4
    (compiled.folder / INT8_GRAPH).write_bytes(bad)
    monkeypatch.setattr(verification, "quantize", lambda graph, texts, n_wide: good)
    again = load_encoder(NAME, backend="openvino", precision="int8")
    assert (compiled.folder / INT8_GRAPH).read_bytes() == good
    np.testing.assert_allclose(again.encode(["a text"]), int8.encode(["a text"]), atol=1e-6)


def test_a_graph_that_differs_with_few_wide_products_is_tried_with_all(int8, compiled, monkeypatch):
    for path in [*compiled.folder.glob("openvino-*-int8-*.json"), compiled.folder / INT8_MANIFEST]:
        path.unlink()
    tried, verify = [], verification._verify

    def quantized(graph, texts, n_wide):
        tried.append(n_wide)
        return (compiled.folder / INT8_GRAPH).read_bytes()

    def first_refused(*arguments, **settings):
        if len(tried) == 1:
            raise NotCompilableError("in int8 it differs")
        return verify(*arguments, **settings)

    monkeypatch.setattr(verification, "quantize", quantized)
    monkeypatch.setattr(verification, "_verify", first_refused)
    load_encoder(NAME, backend="openvino", precision="int8")
    assert tried == [2, 1000]


def test_attention_and_the_first_products_that_shorten_stay_wide(compiled):
    model = import_openvino().Core().read_model(compiled.read(GRAPH))
    products = [op for op in model.get_ops() if op.get_type_name() == "MatMul"]
    assert (len(products), len(wide_products(model, 0)), len(wide_products(model, 1000))) == (
        48,
        12,
        18,
    )
    shorter = wide_products(model, 2)[12:]
    assert [name.partition("encoder/")[2] for name in shorter] == [
        "layer.0/output/dense/MatMul",
        "layer.1/output/dense/MatMul",
    ]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_what_is_no_graph_in_8_bits_is_an_error(data):
    with pytest.raises(EncoderError, match="this is not a graph in 8 bits"):
        OpenVinoGraph(data, "int8")


def test_a_full_disk_is_an_error_that_says_so(int8, compiled, monkeypatch):
    for path in [*compiled.folder.glob("openvino-*-int8-*.json"), compiled.folder / INT8_MANIFEST]:
        path.unlink()
    data = (compiled.folder / INT8_GRAPH).read_bytes()
    monkeypatch.setattr(verification, "quantize", lambda graph, texts, n_wide: data)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(verification, "write_int8", full)
        with pytest.raises(
            EncoderError, match=r"cannot be compiled into .*No space left on device"
        ):
            load_encoder(NAME, backend="openvino", precision="int8")
    again = load_encoder(NAME, backend="openvino", precision="int8")
    assert again.encode(["a text"]).tolist() == int8.encode(["a text"]).tolist()
