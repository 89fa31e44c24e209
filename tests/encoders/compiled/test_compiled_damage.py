"""Damaged files of a compiled model are made again, and the vectors stay what they were."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from compiled_models import TEXTS, stored_files

from textshot.encoders import load_encoder

WHOLE = ("graph.onnx", "probe.safetensors", "tokenizer.json", "compiled.json")


def compiled(folder, backend="openvino", **settings):
    return load_encoder(str(folder), backend=backend, precision="fp32", **settings)


@pytest.fixture(scope="module")
def made(tiny_folder, tmp_path_factory):
    """A cache with the compiled tiny model, and its vectors."""
    cache = tmp_path_factory.mktemp("made") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTSHOT_CACHE", str(cache))
        return cache, compiled(tiny_folder).encode(TEXTS)


@pytest.fixture
def cache(made, tmp_path, monkeypatch):
    """A copy of it that a test may damage."""
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(made[0], tmp_path / "cache")


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
FILES = [*WHOLE, "openvino*.blob", "openvino*.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_again(tiny_folder, cache, made, name, damage):
    before = stored_files(cache)
    [path] = cache.glob(f"compiled/*/{name}")
    damage(path)
    assert before != stored_files(cache)
    np.testing.assert_allclose(compiled(tiny_folder).encode(TEXTS), made[1], atol=1e-6)
    if name == "graph.onnx":  # not read where it is compiled already
        np.testing.assert_allclose(compiled(tiny_folder, "onnx").encode(TEXTS), made[1], atol=1e-5)
    after = stored_files(cache)
    assert {name: after[name] for name in WHOLE} == {name: before[name] for name in WHOLE}
    noted = json.loads(after["openvino.json"])
    assert noted["compiled"] == hashlib.sha256(after["openvino.blob"]).hexdigest()
    assert not [name for name in after if name.startswith(".")]


def test_files_of_two_models_are_not_mixed(tiny_folder, cache, made):
    compiled(tiny_folder, max_length=5)
    one, two = (path for path in (cache / "compiled").iterdir() if path.is_dir())
    (one / "probe.safetensors").write_bytes((two / "probe.safetensors").read_bytes())
    np.testing.assert_allclose(compiled(tiny_folder).encode(TEXTS), made[1], atol=1e-6)
