"""An adapter: what training changed in an encoder, as a small file."""

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
from model_folders import model_fingerprint
from safetensors.numpy import load_file, save_file

from textshot import Category, Engine, OneShotClassifier
from textshot.encoders import DEFAULT_ENCODER, load_encoder
from textshot.encoders import adapter as module
from textshot.encoders.adapter import GENERAL, SHIPPED_FOLDER, read_adapter, write_adapter
from textshot.encoders.model_folder import file_sha256
from textshot.errors import EncoderError, EncoderNotFoundError, InvalidTextsError
from textshot.networks import make_network, save_network

PLAIN = "st-23cc531d4087e858761b214387e3d332"
"""The bundled encoder as it came, with long texts cut: what every index of before says."""

TEXTS = ["where is my card", "a", "money lost", "", "my money is late " * 20]
CATEGORIES = [
    Category("refund request", examples=["I want my money back"]),
    Category("late parcel", examples=["my parcel has not come yet"]),
    Category("opening hours", examples=["when is the shop open on Saturday"]),
]
QUESTIONS = ["where is my parcel", "give me the money", "are you open", "purple", "parcel " * 300]


def folder_of(path, **weights):
    path.mkdir()
    arrays = {name: np.array(value, np.float32) for name, value in weights.items()}
    save_file(arrays, path / "model.safetensors")
    return path


@pytest.fixture
def pair(tmp_path):
    """Two folders of made-up weights, of which a matrix and a vector differ."""
    same = [[1.0, 2.0]]
    base = folder_of(tmp_path / "base", matrix=[[0, 0], [1, 0]], bias=[0, 1, 0], same=same)
    trained = folder_of(
        tmp_path / "trained", matrix=[[1.27, 0.503], [0.746, 0.0987]], bias=[0.5, 1, 3], same=same
    )
    return base, trained


def test_what_is_read_is_what_was_written_within_half_a_step(pair, tmp_path):
    write_adapter(tmp_path / "adapter", *pair)
    found = read_adapter(str(tmp_path / "adapter"))
    assert found.base == file_sha256(pair[0] / "model.safetensors")
    assert found.sha256 == file_sha256(tmp_path / "adapter")
    assert set(found.changes) == {"matrix", "bias"}
    # The largest of a row is 127 steps: a step is 0.01 in the first, 0.002 in the second.
    np.testing.assert_allclose(
        found.changes["matrix"], [[1.27, 0.50], [-0.254, 0.098]], rtol=0, atol=1e-6
    )
    exact = np.array([[1.27, 0.503], [-0.254, 0.0987]])
    assert (np.abs(found.changes["matrix"] - exact) <= [[0.005], [0.001]]).all()
    assert found.changes["bias"].tolist() == [0.5, 0, 3]
    assert {change.dtype for change in found.changes.values()} == {np.dtype(np.float32)}


def test_random_differences_come_back_within_half_a_step(tmp_path):
    rng = np.random.default_rng(0)
    old, new = (rng.normal(size=(40, 60)).astype(np.float32) for _ in range(2))
    new[3], new[5, 7] = old[3], 1000.0
    write_adapter(
        tmp_path / "adapter", folder_of(tmp_path / "a", w=old), folder_of(tmp_path / "b", w=new)
    )
    found = read_adapter(str(tmp_path / "adapter")).changes["w"]
    exact = new.astype(np.float64) - old
    half = np.abs(exact).max(axis=1, keepdims=True) / 127 / 2
    assert (np.abs(found - exact) <= 1.0001 * half).all()
    assert not found[3].any()


def test_a_share_of_the_difference_is_written(pair, tmp_path):
    for share in (1.0, 0.5):
        write_adapter(tmp_path / f"adapter-{share}", *pair, share=share)
    whole, half = (read_adapter(str(tmp_path / f"adapter-{share}")).changes for share in (1.0, 0.5))
    for name in ("matrix", "bias"):
        np.testing.assert_allclose(half[name], whole[name] / 2, rtol=1e-6)
    assert half["bias"].tolist() == [0.25, 0, 1.5]


def test_the_size_of_the_file_is_reported(pair, tmp_path):
    assert write_adapter(tmp_path / "adapter", *pair) == (tmp_path / "adapter").stat().st_size


@pytest.mark.parametrize("other", [{"matrix": [[1, 2, 3]]}, {"more": [1]}])
def test_folders_of_different_models_make_no_adapter(pair, tmp_path, other):
    trained = folder_of(tmp_path / "other", **other)
    with pytest.raises(
        EncoderError, match=r"other has a weight (matrix|more) that .*base does not"
    ):
        write_adapter(tmp_path / "adapter", pair[0], trained)
    assert not (tmp_path / "adapter").exists()


def test_a_path_is_that_file_and_none_that_is_called_alike(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_adapter(tmp_path / GENERAL, *pair)
    write_adapter(tmp_path / "adapter", *pair)
    write_adapter(tmp_path / "adapter.safetensors", *pair, share=0.5)
    for name in (f"./{GENERAL}", "adapter", str(tmp_path / "adapter")):
        found = read_adapter(name)
        assert found.name == str((tmp_path / name).resolve())
        assert found.changes["bias"].tolist() == [0.5, 0, 3]


# Files that are refused


@pytest.mark.parametrize("name", ["general-999", "./general-1", "no/where", ""])
def test_an_adapter_that_is_not_there_is_refused_with_those_that_are(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        EncoderNotFoundError, match=rf"there is no adapter '{name}'.* textshot are .*{GENERAL}"
    ):
        read_adapter(name)


def test_a_missing_adapter_is_refused_by_load_encoder_too(tiny_folder):
    with pytest.raises(EncoderNotFoundError, match="there is no adapter 'general-999'"):
        load_encoder(str(tiny_folder), adapter="general-999")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xff" * 100, b"{}" * 50])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    (tmp_path / "adapter").write_bytes(content)
    with pytest.raises(EncoderError, match="adapter is not a safetensors file"):
        read_adapter(str(tmp_path / "adapter"))


def test_an_adapter_that_was_cut_off_is_refused(pair, tmp_path):
    write_adapter(tmp_path / "adapter", *pair)
    (tmp_path / "adapter").write_bytes((tmp_path / "adapter").read_bytes()[:-1])
    with pytest.raises(EncoderError, match="adapter is not a safetensors file"):
        read_adapter(str(tmp_path / "adapter"))


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"format": "textshot-layer-2", "base": "0"},
        {"base": "0"},
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path, metadata):
    save_file({"w": np.ones(3, np.float32)}, tmp_path / "adapter", metadata=metadata)
    with pytest.raises(EncoderError, match="adapter is no adapter of a version that this textshot"):
        read_adapter(str(tmp_path / "adapter"))


@pytest.mark.parametrize("base", [{}, {"base": ""}])
def test_a_file_that_does_not_say_for_which_weights_is_refused(tmp_path, base):
    metadata = {"format": "textshot-layer-1", **base}
    save_file({"w": np.ones(3, np.float32)}, tmp_path / "adapter", metadata=metadata)
    with pytest.raises(EncoderError, match="does not say which weights it was made for"):
        read_adapter(str(tmp_path / "adapter"))


def stored(path, **arrays):
    save_file(arrays, path, metadata={"format": "textshot-layer-1", "base": "0"})
    return str(path)


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 1), (3, 1), (2, 2), (1, 2)])
def test_scales_of_the_wrong_shape_are_refused(tmp_path, shape):
    scales = {"w.scale": np.ones(shape, np.float32)}
    path = stored(tmp_path / "adapter", w=np.ones((2, 2), np.int8), **scales)
    with pytest.raises(EncoderError, match=rf"w has 2 rows and scales float32 \({shape[0]},"):
        read_adapter(path)


def test_scales_of_a_single_number_are_refused(tmp_path):
    scales = {"w.scale": np.ones((1, 1), np.float32)}
    path = stored(tmp_path / "adapter", w=np.array(1, np.int8), **scales)
    with pytest.raises(EncoderError, match=r"w is int8 \(\); float16, or an int8 matrix"):
        read_adapter(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"w": np.ones((2, 2), np.int8)}, r"w is int8 \(2, 2\); float16, or an int8 matrix"),
        ({"w": np.ones((2, 2), np.float32)}, r"w is float32 \(2, 2\); float16, or an int8 matrix"),
        (
            {"w": np.ones(2, np.int8), "w.scale": np.ones((2, 1), np.float32)},
            r"w is int8 \(2,\); float16, or an int8 matrix",
        ),
        (
            {"w": np.ones((2, 2), np.int8), "w.scale": np.ones((2, 1), np.float16)},
            r"w has 2 rows and scales float16 \(2, 1\)",
        ),
        ({"w.scale": np.ones((2, 1), np.float32)}, "has scales of w, and no such matrix"),
    ],
)
def test_numbers_of_another_kind_are_refused(tmp_path, arrays, message):
    with pytest.raises(EncoderError, match=message):
        read_adapter(stored(tmp_path / "adapter", **arrays))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_change_that_is_not_finite_is_refused(tmp_path, value):
    codes, scales = np.ones((2, 2), np.int8), np.array([[1], [value]], np.float32)
    for arrays in ({"w": codes, "w.scale": scales}, {"w": np.array([0, value], np.float16)}):
        with pytest.raises(EncoderError, match="w has a value that is not finite"):
            read_adapter(stored(tmp_path / "adapter", **arrays))


def test_a_file_too_large_for_an_adapter_is_refused_unread(pair, tmp_path, monkeypatch):
    size = write_adapter(tmp_path / "adapter", *pair)
    monkeypatch.setattr(module, "_MAX_BYTES", size - 1)
    with pytest.raises(EncoderError, match=rf"adapter has {size} bytes: no adapter is as large"):
        read_adapter(str(tmp_path / "adapter"))


# Adapters of an encoder


@pytest.fixture(scope="module")
def trained_folder(tiny_folder, tmp_path_factory):
    """The tiny model with other weights in its last layer."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    shutil.copytree(tiny_folder, folder)
    weights, rng = load_file(folder / "model.safetensors"), np.random.default_rng(3)
    for name, weight in weights.items():
        if name.startswith("encoder.layer.1."):
            weights[name] = weight + rng.normal(0, 0.2, weight.shape).astype(np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def adapter(tiny_folder, trained_folder, tmp_path):
    """The adapter that makes the tiny model the trained one."""
    write_adapter(tmp_path / "tiny.adapter", tiny_folder, trained_folder)
    return str(tmp_path / "tiny.adapter")


def load(folder, **options):
    return load_encoder(str(folder), device="cpu", **options)


def test_the_encoder_with_its_adapter_is_the_trained_one(tiny_folder, trained_folder, adapter):
    plain, trained = load(tiny_folder).encode(TEXTS), load(trained_folder).encode(TEXTS)
    found = load(tiny_folder, adapter=adapter).encode(TEXTS)
    assert ((found * trained).sum(axis=1) > 0.999).all()
    assert ((plain * trained).sum(axis=1) < 0.99).all()


def test_what_is_trained_further_has_the_adapter(tiny_folder, adapter):
    encoder = load(tiny_folder, adapter=adapter)
    fresh = encoder.fresh_model().encode(TEXTS[:4], normalize_embeddings=True)
    np.testing.assert_allclose(fresh, encoder.encode(TEXTS[:4]), atol=1e-6)


def test_an_adapter_is_in_the_fingerprint_the_spec_and_the_source(tiny_folder, adapter, tmp_path):
    write_adapter(tmp_path / "half.adapter", tiny_folder, tiny_folder, share=0.5)
    plain, with_adapter = load(tiny_folder), load(tiny_folder, adapter=adapter)
    other = load(tiny_folder, adapter=str(tmp_path / "half.adapter"))
    assert len({e.fingerprint for e in (plain, with_adapter, other)}) == 3
    assert "layer" not in plain.spec
    assert with_adapter.spec == {**plain.spec, "layer": adapter}
    assert with_adapter.source == f"folder {tiny_folder} with adapter {adapter}"
    assert plain.source == f"folder {tiny_folder}"


def test_the_same_adapter_elsewhere_is_the_same_encoder(
    tiny_folder, adapter, tmp_path, monkeypatch
):
    shutil.copy(adapter, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    moved = load(tiny_folder, adapter="moved")
    assert moved.fingerprint == load(tiny_folder, adapter=adapter).fingerprint
    assert moved.spec["layer"] == str((tmp_path / "moved").resolve())  # opens from everywhere


def test_a_pickled_encoder_keeps_its_adapter(tiny_folder, adapter):
    encoder = load(tiny_folder, adapter=adapter)
    again = pickle.loads(pickle.dumps(encoder))
    assert (again.fingerprint, again.spec) == (encoder.fingerprint, encoder.spec)
    np.testing.assert_array_equal(again.encode(TEXTS), encoder.encode(TEXTS))


@pytest.mark.parametrize("name", ["adapter of the tiny model", GENERAL])
def test_an_adapter_for_other_weights_is_refused(tiny_folder, trained_folder, adapter, name):
    given = GENERAL if name == GENERAL else adapter
    base = read_adapter(given).base
    with pytest.raises(EncoderError, match=rf"made for weights with sha256 {base}, and .* others"):
        load(trained_folder, adapter=given)


@pytest.mark.parametrize(
    "change", [{"elsewhere": np.ones(2, np.float16)}, {"pooler.dense.bias": np.ones(7, np.float16)}]
)
def test_an_adapter_with_weights_that_the_model_has_not_is_refused(tiny_folder, tmp_path, change):
    base = file_sha256(tiny_folder / "model.safetensors")
    save_file(change, tmp_path / "odd", metadata={"format": "textshot-layer-1", "base": base})
    with pytest.raises(EncoderError, match=rf"changes {next(iter(change))} \(\d,\), which this"):
        load(tiny_folder, adapter=str(tmp_path / "odd"))


def test_the_fingerprint_needs_the_weights_that_the_adapter_was_made_for(tiny_folder, adapter):
    found = read_adapter(adapter)
    with_adapter = model_fingerprint(tiny_folder, adapter=found)
    assert with_adapter not in (PLAIN, model_fingerprint(tiny_folder))
    with pytest.raises(EncoderError, match=r"has others\. Load it without the adapter"):
        model_fingerprint(tiny_folder, adapter=replace(found, base="0" * 64))


def test_an_index_says_its_adapter_and_opens_with_it(tiny_folder, adapter, tmp_path):
    encoder = load(tiny_folder, adapter=adapter)
    engine = Engine.build(CATEGORIES, encoder=encoder)
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index", device="cpu")
    assert loaded.encoder.spec == encoder.spec
    assert loaded.classify(TEXTS) == engine.classify(TEXTS)
    named = Engine.load(tmp_path / "index", encoder=str(tiny_folder), device="cpu")
    assert named.encoder.fingerprint == encoder.fingerprint


def test_an_index_whose_adapter_is_gone_is_not_opened_without_it(tiny_folder, adapter, tmp_path):
    encoder = load(tiny_folder, adapter=adapter)
    Engine.build(CATEGORIES, encoder=encoder).save(tmp_path / "index")
    shutil.move(adapter, tmp_path / "gone")
    with pytest.raises(EncoderNotFoundError, match=r"there is no adapter '.*tiny\.adapter'"):
        Engine.load(tmp_path / "index", device="cpu")
    moved = load(tiny_folder, adapter=str(tmp_path / "gone"))
    assert Engine.load(tmp_path / "index", encoder=moved).encoder is moved


# The default encoder and its adapter


@pytest.fixture(scope="module")
def plain_encoder():
    return load_encoder(adapter=None, long_texts="cut", device="cpu")


def test_the_adapters_that_come_along_are_small():
    found = list(SHIPPED_FOLDER.iterdir())
    assert f"{GENERAL}.safetensors" in [path.name for path in found]
    assert all(path.stat().st_size < 5_000_000 for path in found)


def test_the_default_adapter_is_for_the_bundled_weights(bundled_folder):
    assert read_adapter(GENERAL).name == GENERAL
    assert read_adapter(GENERAL).base == file_sha256(bundled_folder / "model.safetensors")


@pytest.fixture(scope="module")
def adapted():
    return load_encoder(adapter=GENERAL, device="cpu")


def test_the_adapter_is_reported_where_people_look(adapted):
    assert adapted.source.endswith(f" with adapter {GENERAL}")


def test_without_the_adapter_it_is_the_encoder_of_before(plain_encoder, adapted):
    assert plain_encoder.fingerprint == PLAIN
    assert set(plain_encoder.spec) == {"name", "revision", "prompt", "max_length"}
    cut = load_encoder(long_texts="cut", device="cpu")
    fingerprints = {PLAIN, adapted.fingerprint, cut.fingerprint}
    fingerprints.add(load_encoder(adapter=None, device="cpu").fingerprint)
    assert len(fingerprints) == 4
    assert adapted.spec["layer"] == cut.spec["layer"] == GENERAL


def test_the_adapter_changes_the_vectors(plain_encoder, adapted):
    before, after = plain_encoder.encode(QUESTIONS[:4]), adapted.encode(QUESTIONS[:4])
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-6)


def test_with_the_adapter_a_text_has_the_same_vector_alone_and_in_a_batch(adapted):
    rng = np.random.default_rng(4)
    words = ["card", "lost", "my", "money", "is", "late", "where", "transfer", "refund"]
    texts = [" ".join(rng.choice(words, size=n)) for n in rng.integers(1, 60, size=24)]
    alone = np.concatenate([adapted.encode([text]) for text in texts])
    np.testing.assert_allclose(adapted.encode(texts), alone, atol=1e-5)


def test_as_the_default_it_is_the_one_that_can_be_named(adapted):
    named = load_encoder(device="cpu")
    assert (named.fingerprint, named.spec) == (adapted.fingerprint, adapted.spec)


def test_the_same_weights_on_the_shelf_get_the_adapter_and_others_do_not(
    bundled_folder, tiny_folder, tmp_path, monkeypatch, adapted
):
    monkeypatch.setenv("TEXTSHOT_ENCODERS", str(tmp_path))
    shelf = tmp_path / DEFAULT_ENCODER
    shelf.symlink_to(bundled_folder)
    assert load_encoder(device="cpu").fingerprint == adapted.fingerprint
    shelf.unlink()
    shelf.symlink_to(tiny_folder)
    assert "layer" not in load_encoder(device="cpu").spec


def test_a_folder_by_its_path_is_what_lies_in_it(bundled_folder):
    found = load_encoder(str(bundled_folder), long_texts="cut", device="cpu")
    assert found.fingerprint == PLAIN
    assert "layer" not in found.spec


# Indexes


def manifest_of(folder):
    return json.loads((folder / "index.json").read_bytes())


def test_an_index_made_by_default_says_the_adapter_and_gives_the_same_answers_again(tmp_path):
    engine = Engine.build(CATEGORIES)
    engine.save(tmp_path / "index")
    spec = manifest_of(tmp_path / "index")["encoder"]["spec"]
    assert (spec["layer"], spec["long_texts"]) == (GENERAL, "windows")
    loaded = Engine.load(tmp_path / "index")
    assert loaded.encoder.fingerprint == engine.encoder.fingerprint
    assert loaded.classify(QUESTIONS) == engine.classify(QUESTIONS)


def test_an_index_that_says_neither_is_the_plain_encoder_that_cuts(plain_encoder, tmp_path):
    engine = Engine.build(CATEGORIES, encoder=plain_encoder)
    engine.save(tmp_path / "index")
    assert not {"layer", "long_texts"} & set(manifest_of(tmp_path / "index")["encoder"]["spec"])
    loaded = Engine.load(tmp_path / "index", device="cpu")
    assert loaded.encoder.fingerprint == PLAIN
    assert loaded.encoder.spec == plain_encoder.spec
    assert loaded.classify(QUESTIONS) == engine.classify(QUESTIONS)


# No network


def is_plain(engine):
    encoder, network = engine.encoder, engine.network
    return (
        encoder.fingerprint == model_fingerprint(encoder.folder, long_texts="windows")
        and "layer" not in encoder.spec
        and (network.name, dict(network.parameters)) == ("matching", {})
    )


def test_no_network_is_the_plain_encoder_in_an_engine(tmp_path):
    engine = Engine.build(CATEGORIES, encoder=DEFAULT_ENCODER, network="none")
    assert is_plain(engine)
    engine.save(tmp_path / "index")
    assert is_plain(Engine.load(tmp_path / "index"))
    assert "network" not in manifest_of(tmp_path / "index")


@pytest.mark.slow  # as in an engine, which the estimator builds
def test_no_network_is_the_plain_encoder_in_an_estimator():
    texts = {c.name: [e.text for e in c.examples] for c in CATEGORIES}
    assert is_plain(OneShotClassifier(network="none").fit(texts).engine_)
    assert not is_plain(OneShotClassifier().fit(texts).engine_)


@pytest.mark.slow  # as in an engine, which the command builds
def test_no_network_is_the_plain_encoder_on_the_command_line(tmp_path):
    from click.testing import CliRunner

    from textshot.cli import main

    (tmp_path / "c.csv").write_text("label,text\na,one\nb,two\nc,three\n")
    for name, options in (("plain", ["--network", "none"]), ("usual", [])):
        command = ["index", str(tmp_path / "c.csv"), "-o", str(tmp_path / name), *options]
        result = CliRunner().invoke(main, command, env={"TEXTSHOT_ENCODER": None})
        assert result.exit_code == 0, result.output
        assert ("with adapter" in result.output) is (name == "usual")
        assert is_plain(Engine.load(tmp_path / name)) is (name == "plain")


def test_no_network_with_an_encoder_that_has_an_adapter_is_refused(tiny_folder, adapter):
    encoder = load(tiny_folder, adapter=adapter)
    with pytest.raises(
        InvalidTextsError, match=r"'none' with an encoder that has the adapter '.*'"
    ):
        Engine.build(CATEGORIES, encoder=encoder, network="none")


def test_no_network_takes_an_encoder_without_an_adapter(tiny_folder):
    encoder = load(tiny_folder)
    assert Engine.build(CATEGORIES, encoder=encoder, network="none").encoder is encoder


def test_no_network_leaves_out_the_one_that_was_trained_with_the_encoder(copied):
    network = make_network("prototypical")
    save_network(copied, network.with_parameters(network.initial_parameters(32, 4)), {})
    assert Engine.build(CATEGORIES, encoder=str(copied)).network.parameters
    plain = Engine.build(CATEGORIES, encoder=str(copied), network="none").network
    assert (plain.name, dict(plain.parameters)) == ("matching", {})
