"""The cache: read at the second load, made again where it is damaged, never in the way."""

import json
import logging
import os

import numpy as np
import pytest
from compiled_models import TEXTS, kept

from textshot.encoders import load_encoder
from textshot.encoders.compiled import load, store
from textshot.encoders.compiled.encoder import CompiledEncoder
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError

WHOLE = {"graph.onnx", "tokenizer.json", "probe.safetensors", "twin.json"}


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

    return lambda: monkeypatch.setattr(load, "reference", refuse)


def twin_of(folder, backend="openvino", **settings):
    return load_encoder(str(folder), backend=backend, precision="fp32", **settings)


def written(cache):
    """When each file was written."""
    files = [path for path in cache.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_the_second_load_needs_no_reference_and_writes_nothing(
    tiny_folder, cache, no_reference, backend
):
    first = twin_of(tiny_folder, backend).encode(TEXTS)
    before = written(cache)
    no_reference()
    np.testing.assert_allclose(twin_of(tiny_folder, backend).encode(TEXTS), first, atol=1e-6)
    assert written(cache) == before


def test_what_is_kept_and_what_is_noted_of_the_proof(tiny_folder, cache):
    twin_of(tiny_folder)
    assert set(kept(cache)) == WHOLE | {"openvino.blob", "openvino.json"}
    proof = json.loads(kept(cache)["openvino.json"])["proof"]
    assert proof["least_cosine"] > 1 - 1e-6
    assert (proof["n_texts"], proof["n_moved"]) == (110, 0)
    twin_of(tiny_folder, "onnx")
    assert json.loads(kept(cache)["onnx.json"])["proof"]["n_texts"] == 110


def test_one_graph_serves_all_prompts_and_both_engines(tiny_folder, cache, no_reference):
    twin_of(tiny_folder)
    no_reference()
    twin_of(tiny_folder, "onnx", prompt="query: ")
    twin_of(tiny_folder, long_texts="cut")
    assert len(list((cache / "twins").glob("st-*[!k]"))) == 1


def test_another_limit_is_another_twin(tiny_folder, cache):
    twin_of(tiny_folder, "onnx")
    twin_of(tiny_folder, "onnx", max_length=5)
    assert len([path for path in (cache / "twins").iterdir() if path.is_dir()]) == 2


@pytest.fixture(params=["a file", "a file below"])
def unwritable(request, cache):
    """A cache that cannot be written; the rights would not stop the superuser."""
    if request.param == "a file":
        cache.write_text("in its place")
    else:
        cache.mkdir()
        (cache / "twins").write_text("in its place")
    return cache


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_variable(
    tiny_folder, unwritable
):
    told = "the twin of .* cannot be kept in .*: (Not a directory|File exists).* TEXTSHOT_CACHE"
    with pytest.raises(EncoderError, match=told):
        twin_of(tiny_folder)


def test_without_a_cache_auto_takes_the_reference(tiny_folder, unwritable, monkeypatch, caplog):
    monkeypatch.delenv("TEXTSHOT_BACKEND", raising=False)
    with caplog.at_level(logging.WARNING, logger="textshot"):
        encoder = load_encoder(str(tiny_folder), device="cpu")
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert "cannot be kept in" in caplog.text


def test_auto_takes_a_twin(tiny_folder, cache, monkeypatch):
    monkeypatch.delenv("TEXTSHOT_BACKEND", raising=False)
    found = load_encoder(str(tiny_folder), device="cpu", precision="fp32")
    assert isinstance(found, CompiledEncoder)
    assert found.source.endswith(", openvino fp32")
    monkeypatch.setenv("TEXTSHOT_BACKEND", "onnx")
    assert load_encoder(str(tiny_folder)).source.endswith(", onnx fp32")


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    (tmp_path / "kept").write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write_atomic(tmp_path / "kept", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"before"


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
