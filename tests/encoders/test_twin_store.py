"""The cache: read at the second load, made again where it is damaged, never in the way."""

import json
import logging

import numpy as np
import pytest
from twin_models import TEXTS

from textshot.encoders import load_encoder
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.encoders.twins import load, store
from textshot.encoders.twins.encoder import CompiledEncoder
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


def kept(cache):
    """What is in the folder of the only twin; the names of machines and versions cut off."""
    [folder] = (path for path in (cache / "twins").iterdir() if path.is_dir())
    return {
        path.name.partition("-")[0] + path.suffix * ("-" in path.name): path.read_bytes()
        for path in folder.iterdir()
    }


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_the_second_load_needs_no_reference_and_writes_nothing(
    tiny_folder, cache, no_reference, backend
):
    first = twin_of(tiny_folder, backend).encode(TEXTS)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    no_reference()
    again = twin_of(tiny_folder, backend)
    np.testing.assert_allclose(again.encode(TEXTS), first, atol=1e-6)
    after = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.suffix != ".lock"}
    assert {path: time for path, time in after.items() if path in before} == {
        path: time for path, time in before.items() if path.suffix != ".lock"
    }


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


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def other_digit(path):
    """Another number, where there is one: as well-formed as before."""
    data = path.read_bytes()
    path.write_bytes(data.replace(b"16", b"17", 1) if b"16" in data else data[:-1])


def removed(path):
    path.unlink()


def emptied(path):
    path.write_bytes(b"")


def nonsense(path):
    path.write_bytes(b'["nonsense", {"\xff')


def other_json(path):
    path.write_bytes(b'[{"format": 3}]')


DAMAGES = [halved, flipped, other_digit, removed, emptied, nonsense, other_json]
FILES = [*sorted(WHOLE), "openvino*.blob", "openvino*.json"]


@pytest.fixture(scope="module")
def made(tiny_folder, tmp_path_factory):
    """A cache with the twin of the tiny model, and its vectors."""
    cache = tmp_path_factory.mktemp("made") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTSHOT_CACHE", str(cache))
        return cache, twin_of(tiny_folder).encode(TEXTS)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_again(tiny_folder, cache, made, name, damage):
    import shutil

    shutil.copytree(made[0], cache)
    before = kept(cache)
    [path] = cache.glob(f"twins/*/{name}")
    damage(path)
    assert before != kept(cache)
    np.testing.assert_allclose(twin_of(tiny_folder).encode(TEXTS), made[1], atol=1e-6)
    if name == "graph.onnx":  # not read where it is compiled already
        np.testing.assert_allclose(twin_of(tiny_folder, "onnx").encode(TEXTS), made[1], atol=1e-5)
    after = kept(cache)
    assert {name: after[name] for name in WHOLE} == {name: before[name] for name in WHOLE}
    noted = json.loads(after["openvino.json"])
    assert noted["compiled"] == store.hashlib.sha256(after["openvino.blob"]).hexdigest()
    assert not [name for name in after if name.startswith(".")]


def test_files_of_two_twins_are_not_mixed(tiny_folder, cache, made, tmp_path):
    twin_of(tiny_folder)
    twin_of(tiny_folder, max_length=5)
    one, two = (path for path in (cache / "twins").iterdir() if path.is_dir())
    (one / "probe.safetensors").write_bytes((two / "probe.safetensors").read_bytes())
    np.testing.assert_allclose(twin_of(tiny_folder).encode(TEXTS), made[1], atol=1e-6)


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
    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write_aside(tmp_path / "kept", b"after")
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
