"""The cache: read at the second load, made again where it is damaged, never in the way."""

import json
import logging

import numpy as np
import pytest
from compiled_models import TEXTS, stored_files

from textshot.encoders import load_encoder
from textshot.encoders.compiled import load, store
from textshot.encoders.compiled.encoder import CompiledEncoder
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError

WHOLE = {"graph.onnx", "tokenizer.json", "probe.safetensors", "compiled.json"}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_reference(monkeypatch):
    """Loading the reference fails."""

    def refuse(*_):
        raise AssertionError("the reference was loaded")

    return lambda: monkeypatch.setattr(load, "SentenceTransformerEncoder", refuse)


def compiled(folder, backend="openvino", **settings):
    return load_encoder(str(folder), backend=backend, precision="fp32", **settings)


def written(cache):
    """When each file was written."""
    files = [path for path in cache.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_the_second_load_needs_no_reference_and_writes_nothing(
    tiny_folder, cache, no_reference, backend
):
    first = compiled(tiny_folder, backend).encode(TEXTS)
    before = written(cache)
    no_reference()
    np.testing.assert_allclose(compiled(tiny_folder, backend).encode(TEXTS), first, atol=1e-6)
    assert written(cache) == before


def test_what_is_kept_and_what_is_noted_of_the_proof(tiny_folder, cache):
    compiled(tiny_folder)
    assert set(stored_files(cache)) == WHOLE | {"openvino.blob", "openvino.json"}
    verification = json.loads(stored_files(cache)["openvino.json"])["verification"]
    assert verification["min_cosine"] > 1 - 1e-6
    assert (verification["n_texts"], verification["n_changed"]) == (110, 0)
    compiled(tiny_folder, "onnx")
    assert json.loads(stored_files(cache)["onnx.json"])["verification"]["n_texts"] == 110


def test_one_graph_serves_all_prompts_and_both_engines(tiny_folder, cache, no_reference):
    compiled(tiny_folder)
    no_reference()
    compiled(tiny_folder, "onnx", prompt="query: ")
    compiled(tiny_folder, long_texts="cut")
    assert len(list((cache / "compiled").glob("st-*[!k]"))) == 1


def test_another_limit_is_compiled_apart(tiny_folder, cache):
    compiled(tiny_folder, "onnx")
    compiled(tiny_folder, "onnx", max_length=5)
    assert len([path for path in (cache / "compiled").iterdir() if path.is_dir()]) == 2


@pytest.fixture(params=["a file", "a file below"])
def unwritable(request, cache):
    """A cache that cannot be written; the rights would not stop the superuser."""
    if request.param == "a file":
        cache.write_text("in its place")
    else:
        cache.mkdir()
        (cache / "compiled").write_text("in its place")
    return cache


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_variable(
    tiny_folder, unwritable
):
    told = ".* cannot be compiled into .*: (Not a directory|File exists).* TEXTSHOT_CACHE"
    with pytest.raises(EncoderError, match=told):
        compiled(tiny_folder)


def test_without_a_cache_auto_takes_the_reference(tiny_folder, unwritable, monkeypatch, caplog):
    monkeypatch.delenv("TEXTSHOT_BACKEND", raising=False)
    with caplog.at_level(logging.WARNING, logger="textshot"):
        encoder = load_encoder(str(tiny_folder), device="cpu")
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert "cannot be compiled into" in caplog.text


def test_auto_takes_the_compiled_encoder(tiny_folder, cache, monkeypatch):
    monkeypatch.delenv("TEXTSHOT_BACKEND", raising=False)
    found = load_encoder(str(tiny_folder), device="cpu", precision="fp32")
    assert isinstance(found, CompiledEncoder)
    assert found.source.endswith(", openvino fp32")
    monkeypatch.setenv("TEXTSHOT_BACKEND", "onnx")
    assert load_encoder(str(tiny_folder)).source.endswith(", onnx fp32")


def test_where_the_cache_is(monkeypatch):
    from pathlib import Path

    monkeypatch.setenv("TEXTSHOT_CACHE", "~/x")
    assert store.cache_folder() == Path.home() / "x"
    monkeypatch.delenv("TEXTSHOT_CACHE")
    monkeypatch.setattr(store.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert store.cache_folder() == Path("/elsewhere/textshot")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert store.cache_folder() == Path.home() / ".cache" / "textshot"
    monkeypatch.setattr(store.sys, "platform", "darwin")
    assert store.cache_folder() == Path.home() / "Library" / "Caches" / "textshot"
