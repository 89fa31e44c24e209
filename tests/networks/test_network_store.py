import json
import os

import numpy as np
import pytest
from network_episodes import make_views, used
from safetensors.numpy import save
from test_network_learning import EVERY, named

from textshot.errors import EncoderError, IndexFormatError, InvalidTextsError
from textshot.networks import from_bytes, load_network, make_network, save_network, to_bytes


def learned_network(name="matching", dim=7, **settings):
    network, rng = make_network(name, **settings), np.random.default_rng(5)
    start = network.initial_parameters(dim, 4)
    return network.with_parameters(
        {k: a + 0.2 * rng.normal(size=a.shape) for k, a in start.items()}
    )


@pytest.mark.parametrize(("name", "settings"), EVERY, ids=map(named, EVERY))
def test_a_network_comes_back_bit_for_bit(name, settings, tmp_path):
    network, views = learned_network(name, **settings), make_views(dim=7)
    back = from_bytes(name, network.settings, to_bytes(network))
    save_network(tmp_path, network, {"accuracy": 0.5})
    for again in (back, load_network(tmp_path)):
        assert type(again) is type(network)
        assert again.settings == network.settings
        assert {k: a.tobytes() for k, a in again.parameters.items()} == {
            k: a.tobytes() for k, a in network.parameters.items()
        }
        assert used(again, views).tobytes() == used(network, views).tobytes()


def test_a_network_without_numbers_comes_back_too(tmp_path):
    save_network(tmp_path, make_network("memory", margin=0.3), {})
    assert load_network(tmp_path).settings == {"margin": 0.3}
    assert load_network(tmp_path).parameters == {}


def test_a_folder_without_one_brings_none(tmp_path):
    assert load_network(tmp_path) is None


def test_what_lies_beside_says_what_it_is(tmp_path):
    save_network(tmp_path, learned_network(context="attention"), {"trained_on": ["a", "b"]})
    found = json.loads((tmp_path / "textshot.json").read_text(encoding="utf-8"))
    assert (found["format"], found["format_version"]) == ("textshot-network", 1)
    assert found["network"] == "matching"
    expected = {"keys": "fused", "context": "attention", "readout": "labels", "steps": 3}
    assert found["settings"] == expected
    assert found["extra"] == {"trained_on": ["a", "b"]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["network.safetensors", "textshot.json"]


@pytest.mark.parametrize("at", [0, 1])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, at):
    save_network(tmp_path, make_network("memory"), {})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    calls, sync = [], os.fsync

    def fail(handle):
        calls.append(handle)
        if len(calls) > at:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        save_network(tmp_path, make_network("memory", margin=0.4), {})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


# What is not ours is refused.


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mathcing", {}, "network 'mathcing' is not known; choose matching, prototypical"),
        ("siamese", {"scale": 2}, "no setting 'scale'; it has loss_kind, margin"),
        ("prototypical", {"scale": 2}, "no setting 'scale'; it has none"),
        ("matching", {"numbers": {}}, "no setting 'numbers'"),
        ("matching", {"steps": 2.5}, r"steps is 2\.5; the matching network needs int"),
        ("matching", {"steps": True}, "steps is True; the matching network needs int"),
        ("matching", {"context": 3}, "context is 3; the matching network needs str"),
        ("memory", {"margin": "0.1"}, "margin is '0.1'; the memory network needs float"),
    ],
)
def test_unknown_names_and_settings_are_refused(name, settings, message):
    with pytest.raises(InvalidTextsError, match=message):
        make_network(name, **settings)
    with pytest.raises(IndexFormatError, match=f"here: .*{message}"):
        from_bytes(name, settings, save({}), source="here")


@pytest.mark.parametrize(("setting", "value"), [("keys", "several"), ("readout", "context")])
def test_a_removed_setting_is_refused_with_advice(setting, value):
    with pytest.raises(IndexFormatError, match=f"{setting}='{value}' of the matching network was"):
        from_bytes("matching", {setting: value}, save({}))
    with pytest.raises(InvalidTextsError, match=f"has no setting '{setting}'"):
        make_network("matching", **{setting: value})


def test_a_whole_number_is_as_good_as_a_float():
    assert make_network("linear", c=3).c == 3


def parameters(**changed):
    found = {"log_scale": np.ones(1, np.float32), "kind_bias": np.zeros(3, np.float32), **changed}
    return save({k: a for k, a in found.items() if a is not None})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a safetensors file"),
        (b"\x80\x04K\x01.", "not a safetensors file"),
        (parameters()[:-2], "not a safetensors file"),
        (parameters(kind_bias=None), r"holds the parameters \['log_scale'\]; .* needed"),
        (parameters(more=np.zeros(1, np.float32)), "holds the parameters"),
        (parameters(kind_bias=np.zeros(3)), "kind_bias is float64"),
        (parameters(kind_bias=np.zeros(4, np.float32)), r"kind_bias is float32 \(4,\)"),
        (parameters(log_scale=np.zeros((), np.float32)), r"log_scale is float32 \(\)"),
        (parameters(log_scale=np.full(1, np.nan, np.float32)), "log_scale .* not finite"),
    ],
)
def test_numbers_that_are_not_ours_are_refused(data, message):
    with pytest.raises(IndexFormatError, match=message):
        from_bytes("matching", {}, data)


@pytest.mark.parametrize("context", ["lstm", "attention"])
def test_numbers_of_a_context_have_to_fit_each_other(context):
    network = learned_network(context=context)
    changed = {**network.parameters}
    last = list(changed)[-1]
    changed[last] = np.zeros((3, *changed[last].shape[1:]), np.float32)
    with pytest.raises(IndexFormatError, match=rf"{last} is float32 \(3.* is needed"):
        from_bytes("matching", network.settings, save(changed))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "its format is not 'textshot-network'"),
        ({"format_version": 2}, "format_version 2; this textshot reads up to 1. Upgrade"),
        ({"format_version": "1"}, "format_version '1'; a whole number"),
        ({"network": "newest"}, "network 'newest' is not known"),
        ({"network": None}, "does not name a network"),
        ({"settings": []}, "does not name a network"),
        ({"settings": {"margin": 7.0}}, r"margin is 7\.0"),
        ({"sha256": "0"}, "does not match the sha256"),
    ],
)
def test_settings_beside_an_encoder_that_are_not_ours_are_refused(tmp_path, change, message):
    save_network(tmp_path, make_network("memory"), {})
    path = tmp_path / "textshot.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(EncoderError, match=message):
        load_network(tmp_path)


@pytest.mark.parametrize("content", ["{", "[1]", '"x"', "[" * 100_000, "\x00"])
def test_settings_that_are_no_json_object_are_refused(tmp_path, content):
    save_network(tmp_path, make_network("memory"), {})
    (tmp_path / "textshot.json").write_text(content)
    with pytest.raises(EncoderError, match=r"textshot\.json"):
        load_network(tmp_path)


def test_damaged_or_missing_numbers_beside_an_encoder_are_refused(tmp_path):
    save_network(tmp_path, learned_network(), {})
    path = tmp_path / "network.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"x")
    with pytest.raises(EncoderError, match="sha256"):
        load_network(tmp_path)
    path.unlink()
    with pytest.raises(EncoderError, match=r"no network\.safetensors"):
        load_network(tmp_path)
    path.mkdir()
    with pytest.raises(EncoderError, match="cannot be read"):
        load_network(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "textshot.json").open("wb") as file:
        file.truncate((1 << 24) + 1)
    with pytest.raises(EncoderError, match="at most"):
        load_network(tmp_path)
