"""A compiled encoder gives the vectors of the reference, for families, poolings and limits."""

import logging
import re

import numpy as np
import pytest
from compiled_models import FAMILIES, TEXTS, make_model
from model_folders import write_json

from textshot.encoders import load_encoder
from textshot.encoders.compiled import load, store
from textshot.encoders.compiled.encoder import CompiledEncoder
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError

BACKENDS = ("openvino", "onnx")
POOLINGS = ("mean", "cls", "max", "lasttoken")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Make a model once."""
    made = {}

    def found(*arguments, **others):
        key = (*map(str, arguments), *others.items())
        if key not in made:
            folder = tmp_path_factory.mktemp("compiled") / "model"
            folder.mkdir()
            made[key] = make_model(folder, *arguments, **others)
        return made[key]

    return found


@pytest.fixture
def torch_only(monkeypatch):
    monkeypatch.delenv("TEXTSHOT_BACKEND", raising=False)


def compare(folder, backend, **settings):
    reference = load_encoder(str(folder), backend="torch", device="cpu", **settings)
    compiled = load_encoder(str(folder), backend=backend, precision="fp32", **settings)
    assert isinstance(compiled, CompiledEncoder)
    expected, found = reference.encode(TEXTS), compiled.encode(TEXTS)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    for what in ("name", "fingerprint", "dim", "spec"):
        assert getattr(compiled, what) == getattr(reference, what)
    assert compiled.source == f"{reference.source}, {backend} fp32"
    assert compiled.truncation_stats(TEXTS) == reference.truncation_stats(TEXTS)
    return compiled


OLDER = FAMILIES[:4]
# Each family with one pooling, each pooling with one family: the others make no new code run.
PAIRS = [*zip(OLDER, POOLINGS, strict=True), ("bert", "max"), ("xlm-roberta", "cls")]
NEWER = [
    ("modernbert", "mean", "right"),
    ("modernbert", "cls", "right"),
    # A compiled encoder pads on the right: with positions that are relative, it is all the same.
    ("qwen2", "lasttoken", "left"),
    ("qwen3", "lasttoken", "left"),
    ("qwen3", "mean", "right"),
]


@pytest.mark.parametrize(("family", "pooling"), PAIRS)
def test_openvino_equals_the_reference(model, family, pooling):
    compare(model(family, pooling), "openvino")


@pytest.mark.parametrize(("family", "pooling"), [(f, p) for f in OLDER for p in POOLINGS])
def test_onnx_equals_the_reference(model, family, pooling):
    compare(model(family, pooling), "onnx")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("family", "pooling", "side"), NEWER)
def test_newer_families_equal_the_reference_alone_and_in_a_batch(
    model, family, pooling, side, backend
):
    compiled = compare(model(family, pooling, side=side), backend)
    assert compiled.reference().transformer.tokenizer.padding_side == side
    alone = np.concatenate([compiled.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, compiled.encode(TEXTS), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_does_the_same_in_each_family(model, family):
    pooling = "lasttoken" if family.startswith("qwen") else "mean"
    compare(model(family, pooling), "onnx", prompt="query: ")


@pytest.mark.parametrize("pooling", ["weightedmean", "mean_sqrt_len_tokens", ["mean", "max"]])
def test_rarer_poolings_are_equal_too(model, pooling):
    compare(model("bert", pooling), "onnx")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_that_ends_with_dense_is_compiled(model, backend):
    assert compare(model("mpnet", dense=True), backend).dim == 24


@pytest.mark.parametrize(
    "settings",
    [
        {"prompt": "query: "},
        {"prompt": "q\x00\ud800: ", "long_texts": "cut"},
        {"max_length": 9},
        {"max_length": 9, "long_texts": "cut", "prompt": "query: "},
        {"max_length": 4, "prompt": "a prompt that leaves no room: "},
    ],
    ids=str,
)
def test_settings_do_the_same(model, settings):
    for family in ("bert", "roberta"):
        compare(model(family), "onnx", **settings)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_that_cuts_its_vectors_short_is_compiled(copied, backend):
    write_json(copied / "config_sentence_transformers.json", {"truncate_dim": 16})
    assert compare(copied, backend).dim == 16


def test_lower_case_of_sentence_transformers_is_kept(tmp_path):
    folder = make_model(tmp_path, "roberta")
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 48, "do_lower_case": True})
    compiled = compare(folder, "onnx")
    np.testing.assert_allclose(*compiled.encode(["Where IS it", "where is it"]), atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_text_has_the_same_vector_alone_in_any_batch_and_in_any_order(tiny_folder, backend):
    compiled = load_encoder(str(tiny_folder), backend=backend, precision="fp32")
    texts = [f"{text} {i}" for i, text in enumerate(TEXTS * 8)]
    together = compiled.encode(texts)
    alone = np.concatenate([compiled.encode([text]) for text in texts])
    order = np.random.default_rng(2).permutation(len(texts))
    np.testing.assert_allclose(alone, together, atol=1e-5)
    np.testing.assert_allclose(
        compiled.encode([texts[i] for i in order], batch_size=1), together[order], atol=1e-5
    )


def test_equal_texts_have_the_very_same_vector(tiny_folder):
    compiled = load_encoder(str(tiny_folder), backend="onnx")
    rows = compiled.encode(["a", "where is my card", "a", "a" * 50, "a"])
    assert (rows[[2, 4]] == rows[0]).all()
    assert compiled.encode([]).shape == (0, 32)


def test_more_texts_than_are_sorted_together(tiny_folder, monkeypatch):
    compiled = load_encoder(str(tiny_folder), backend="openvino", precision="fp32")
    expected = compiled.encode(TEXTS)
    monkeypatch.setattr("textshot.encoders.compiled.encoder.CHUNK", 7)
    np.testing.assert_allclose(compiled.encode(TEXTS), expected, atol=1e-6)


def left_cut(copied):
    write_json(copied / "tokenizer_config.json", {"truncation_side": "left"})
    return copied, "encodes the end of a long text"


def padded_left(copied):
    # Positions count from the left, so in the reference a text depends on its neighbours.
    write_json(copied / "tokenizer_config.json", {"padding_side": "left"})
    return copied, "its vectors are not those of the reference: the worst of 110 texts has cosine"


def static(half_static_folder):
    return half_static_folder, "has no fast tokenizer"


@pytest.fixture(params=[left_cut, padded_left, static])
def not_compilable(request):
    name = "half_static_folder" if request.param is static else "copied"
    return request.param(request.getfixturevalue(name))


@pytest.mark.parametrize("settings", [{}, {"precision": "fp32"}], ids=str)
def test_a_model_that_cannot_be_compiled_runs_in_torch_and_says_why(
    not_compilable, settings, torch_only, caplog
):
    folder, reason = not_compilable
    with caplog.at_level(logging.WARNING, logger="textshot"):
        encoder = load_encoder(str(folder), device="cpu", **settings)
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert "cannot be compiled, so it runs in torch: " in caplog.text
    assert reason in caplog.text.replace("bf16", "fp32")


def test_a_refusal_holds_for_the_same_libraries(not_compilable, monkeypatch, tmp_path):
    folder, reason = not_compilable
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    tries = []
    monkeypatch.setattr(load, "_compile", spied(load._compile, tries))
    for _ in range(2):
        with pytest.raises(EncoderError, match=re.escape(reason)) as found:
            load_encoder(str(folder), backend="onnx")
    assert len(tries) == 1
    assert "from an earlier try; delete " in str(found.value)
    monkeypatch.setattr(store, "__version__", "0.0.1.newer")
    with pytest.raises(EncoderError, match=re.escape(reason)):
        load_encoder(str(folder), backend="onnx")
    assert len(tries) == 2


def spied(function, calls):
    def called(*args):
        calls.append(args)
        return function(*args)

    return called


def test_a_full_disk_is_no_refusal(copied, monkeypatch, tmp_path):
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(load, "_compile", full)
        with pytest.raises(EncoderError, match="No space left on device"):
            load_encoder(str(copied), backend="onnx")
    assert load_encoder(str(copied), backend="onnx").runtime == "onnx-fp32"


def test_a_variable_works_as_an_argument_does(not_compilable, monkeypatch):
    folder, reason = not_compilable
    monkeypatch.setenv("TEXTSHOT_BACKEND", "onnx")
    with pytest.raises(EncoderError, match=re.escape(reason)):
        load_encoder(str(folder))


@pytest.mark.parametrize(
    "settings",
    [{"backend": "openvino", "precision": "fp32"}, *[{"backend": backend} for backend in BACKENDS]],
    ids=str,
)
def test_an_explicit_backend_is_not_replaced(not_compilable, settings):
    folder, reason = not_compilable
    with pytest.raises(EncoderError, match=reason):
        load_encoder(str(folder), **settings)
