"""A static model in NumPy: equal to the reference, without torch, and only where it is one."""

import json
import pickle
import shutil

import numpy as np
import pytest
from compiled_models import TEXTS
from safetensors.numpy import load_file, save_file
from test_encoder_base import in_new_process

from textshot.encoders import load_encoder
from textshot.encoders.compiled import static as static_module
from textshot.encoders.compiled.static import StaticEncoder, is_static, mean_rows
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError


@pytest.fixture
def no_backend_set(monkeypatch):
    monkeypatch.delenv("TEXTSHOT_BACKEND")


@pytest.fixture
def changed(static_folder, tmp_path):
    return shutil.copytree(static_folder, tmp_path / "changed")


def write(path, **settings):
    found = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**found, **settings}))


def pair(folder, **settings):
    return load_encoder(str(folder), **settings), load_encoder(
        str(folder), backend="torch", **settings
    )


MANY = [*TEXTS, "", "  ", "where " * 1000, "qqq 世界"]


def test_it_is_the_default_and_equal_to_the_reference(static_folder, no_backend_set):
    static, plain = pair(static_folder)
    assert isinstance(static, StaticEncoder)
    assert isinstance(plain, SentenceTransformerEncoder)
    np.testing.assert_allclose(static.encode(MANY), plain.encode(MANY), atol=1e-5)
    for name in ("name", "dim", "fingerprint", "spec", "folder"):
        assert getattr(static, name) == getattr(plain, name)
    assert (static.runtime, static.source) == (
        "numpy-fp32",
        f"{plain.source}, numpy fp32",
    )
    assert static.truncation_stats(MANY) == plain.truncation_stats(MANY)
    assert static.encode([]).shape == (0, 8)


def test_a_text_of_many_tokens_is_exact_where_the_reference_drifts(static_folder, no_backend_set):
    """Adding up one by one in single precision, torch is off by 2e-4 here."""
    static, plain = pair(static_folder)
    long = ["where " * 20_000]
    np.testing.assert_allclose(static.encode(long), static.encode(["where"]), atol=1e-5)
    np.testing.assert_allclose(plain.encode(long), static.encode(long), atol=1e-3)


def test_a_prompt_a_limit_and_fewer_dimensions_are_kept(changed, no_backend_set):
    write(changed / "config_sentence_transformers.json", truncate_dim=5)
    cut = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    write(changed / "tokenizer.json", truncation=cut)
    static, plain = pair(changed, prompt="query: ")
    assert static.dim == 5
    np.testing.assert_allclose(static.encode(MANY), plain.encode(MANY), atol=1e-5)
    assert static.fingerprint == plain.fingerprint


def test_a_module_that_makes_rows_unit_changes_nothing(changed, no_backend_set):
    modules = json.loads((changed / "modules.json").read_text())
    modules.append(
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.x.Normalize"}
    )
    (changed / "modules.json").write_text(json.dumps(modules))
    assert is_static(changed)


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_it_is_taken_under_every_engine_but_torch(static_folder, backend):
    assert load_encoder(str(static_folder), backend=backend).runtime == "numpy-fp32"
    assert load_encoder(str(static_folder), backend="torch").runtime == "torch-fp32"


def test_a_text_has_the_very_same_vector_alone_and_in_any_batch(
    static_folder, no_backend_set, monkeypatch
):
    static = load_encoder(str(static_folder))
    together = static.encode(MANY)
    assert (np.concatenate([static.encode([text]) for text in MANY]) == together).all()
    monkeypatch.setattr("textshot.encoders.compiled.static.CHUNK", 3)
    assert (static.encode(MANY) == together).all()


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 1000])
def test_means_do_not_depend_on_how_many_tokens_are_held(monkeypatch, budget):
    monkeypatch.setattr(static_module, "TOKENS_AT_ONCE", budget)
    rng = np.random.default_rng(0)
    table = rng.normal(size=(9, 4)).astype(np.float32)
    numbers = [rng.integers(0, 9, n) for n in (0, 1, 6, 0, 7, 8, 2, 14, 0)]
    expected = [table[row].mean(axis=0) if len(row) else np.zeros(4) for row in numbers]
    np.testing.assert_allclose(mean_rows(table, numbers), expected, atol=1e-6)
    assert mean_rows(table, []).shape == (0, 4)


def test_it_travels_by_name_and_loads_no_torch(static_folder, no_backend_set, tmp_path):
    static = load_encoder(str(static_folder))
    (tmp_path / "sent").write_bytes(pickle.dumps(static))
    code = (
        "import pickle, sys, numpy; from pathlib import Path;"
        f"static = pickle.loads(Path({str(tmp_path / 'sent')!r}).read_bytes());"
        f"numpy.save({str(tmp_path / 'rows.npy')!r}, static.encode({TEXTS!r}));"
        "print(static.fingerprint, {'torch', 'transformers', 'sentence_transformers', 'openvino'}"
        " & set(sys.modules))"
    )
    assert in_new_process(code).stdout.strip() == f"{static.fingerprint} set()"
    assert (np.load(tmp_path / "rows.npy") == static.encode(TEXTS)).all()


def test_what_learns_is_the_reference(static_folder, no_backend_set):
    found = load_encoder(str(static_folder)).reference()
    assert isinstance(found, SentenceTransformerEncoder)


def half(folder):
    path = folder / "model.safetensors"
    save_file({n: w.astype(np.float16) for n, w in load_file(path).items()}, path)


def mapped(folder):
    path = folder / "model.safetensors"
    [table] = load_file(path).values()
    save_file({"embeddings": table, "weights": np.ones(len(table), np.float32)}, path)


def left(folder):
    cut = {"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    write(folder / "tokenizer.json", truncation=cut)


def damaged(folder):
    (folder / "model.safetensors").write_bytes(b"no weights")


@pytest.mark.parametrize("change", [half, mapped, left, damaged])
def test_what_numpy_does_not_do_is_left_to_torch(changed, change):
    assert is_static(changed)
    change(changed)
    assert not is_static(changed)


def test_a_matrix_as_model2vec_names_it_is_read(changed, no_backend_set):
    path = changed / "model.safetensors"
    [table] = load_file(path).values()
    save_file({"embeddings": table}, path)
    static, plain = pair(changed)
    np.testing.assert_allclose(static.encode(MANY), plain.encode(MANY), atol=1e-5)


def not_finite(folder):
    path = folder / "model.safetensors"
    save_file({n: np.full_like(w, np.nan) for n, w in load_file(path).items()}, path)
    return "a value that is not finite: it is damaged"


def too_short(folder):
    path = folder / "model.safetensors"
    save_file({n: w[:4].copy() for n, w in load_file(path).items()}, path)
    return "and the matrix beside it 4 rows: they do not belong together"


def no_tokenizer(folder):
    write(folder / "tokenizer.json", model={"type": "nonsense"})
    return "tokenizer.json cannot be read as a tokenizer: "


@pytest.mark.parametrize("change", [not_finite, too_short, no_tokenizer])
def test_what_is_damaged_is_refused(changed, no_backend_set, change):
    reason = change(changed)
    with pytest.raises(EncoderError, match=reason):
        StaticEncoder(load_encoder_model(changed))


def load_encoder_model(folder):
    from textshot.encoders.fingerprint import ModelConfig

    return ModelConfig(folder, "m", "m")


def test_a_max_length_without_effect_is_refused(static_folder, no_backend_set):
    with pytest.raises(EncoderError, match=r"has a fixed max_length\. Leave max_length out"):
        load_encoder(str(static_folder), max_length=8)
