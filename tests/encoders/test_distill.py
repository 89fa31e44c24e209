"""Distilling: a static encoder out of a tiny one, and all that is refused before it starts."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from textshot.encoders import load_encoder
from textshot.encoders.distill import distill
from textshot.encoders.fingerprint import ModelConfig
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError


def tiny(folder):
    return SentenceTransformerEncoder(ModelConfig(folder, "tiny", "s"), "cpu")


def test_a_static_encoder_comes_out_that_numpy_runs(tiny_folder, tmp_path, no_network):
    said = []
    made = distill(tiny(tiny_folder), tmp_path / "new" / "made", dims=8, on_message=said.append)
    static = load_encoder(str(tmp_path / "new" / "made"), backend="onnx")
    plain = load_encoder(str(tmp_path / "new" / "made"), backend="torch")
    [table] = load_file(tmp_path / "new" / "made" / "model.safetensors").values()
    assert made == table.shape
    assert table.dtype == np.float32
    assert (static.runtime, static.dim) == ("numpy-fp32", 8)
    assert static.fingerprint == plain.fingerprint
    texts = ["where is my card", "card", "", "zzz"]
    np.testing.assert_allclose(static.encode(texts), plain.encode(texts), atol=1e-5)
    assert said == ["encoding each token of tiny"]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["made"]
    assert no_network == []


def test_what_is_not_known_says_nothing(tiny_folder, tmp_path):
    distill(tiny(tiny_folder), tmp_path / "made", dims=8)
    static = load_encoder(str(tmp_path / "made"), backend="onnx")
    rows = static.encode(["card", "card \u4e16\u754c"])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_fitted_to_texts_it_comes_nearer_to_the_reference_on_others(tiny_folder, tmp_path):
    encoder, rng, said = tiny(tiny_folder), np.random.default_rng(0), []
    words = [w for w in encoder.transformer.tokenizer.get_vocab() if w.isalpha()]
    texts = [" ".join(rng.choice(words, 4)) for _ in range(400)]
    made = distill(
        encoder, tmp_path / "made", texts=[*texts[:300], "", texts[0]], on_message=said.append
    )
    static = load_encoder(str(tmp_path / "made"), backend="onnx")
    assert made[1] == static.dim == encoder.dim
    fitted = (static.encode(texts[300:]) * encoder.encode(texts[300:])).sum(axis=1).mean()
    assert said[1] == f"fitting it to {len(set(texts[:300]))} texts"
    assert said[2].startswith("mean cosine with tiny on a tenth held out: 0.")
    assert fitted > 0.8


def test_texts_that_are_too_few_or_come_with_dims(tiny_folder, tmp_path):
    encoder = tiny(tiny_folder)
    with pytest.raises(EncoderError, match="2 different texts; 100 are needed"):
        distill(encoder, tmp_path / "made", texts=["a", "b", "a", " "])
    with pytest.raises(EncoderError, match=r"a vector has the length of tiny, 32\. Leave dims out"):
        distill(encoder, tmp_path / "made", texts=["a"], dims=8)


def test_an_interrupted_write_leaves_nothing(tiny_folder, tmp_path, monkeypatch):

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.rename", full)
    with pytest.raises(OSError, match="No space left"):
        distill(tiny(tiny_folder), tmp_path / "made", dims=8)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tiny_folder, tmp_path):
    with pytest.raises(EncoderError, match=r"exists already. Name another folder, or delete it"):
        distill(tiny(tiny_folder), tmp_path)


@pytest.mark.parametrize("dims", [1, 33])
def test_dims_that_there_are_not(tiny_folder, tmp_path, dims):
    with pytest.raises(EncoderError, match=f"dims is {dims}; tiny can be distilled to 2 to 32"):
        distill(tiny(tiny_folder), tmp_path / "made", dims=dims)


def test_without_model2vec_it_says_how_to_get_it(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("textshot.encoders.distill.find_spec", lambda name: None)
    with pytest.raises(EncoderError, match=r'pip install "textshot-classifier\[static\]"'):
        distill(tiny(tiny_folder), tmp_path / "made", dims=8)


def test_a_static_encoder_is_not_distilled_again(static_folder, tmp_path):
    with pytest.raises(EncoderError, match="made of StaticEmbedding; a transformer with pooling"):
        distill(tiny(static_folder), tmp_path / "made", dims=4)


def test_an_encoder_without_a_fast_tokenizer_is_refused(tiny_folder, tmp_path, monkeypatch):
    encoder = tiny(tiny_folder)
    monkeypatch.setattr(type(encoder.transformer.tokenizer), "is_fast", False)
    with pytest.raises(EncoderError, match="tiny has no fast tokenizer, and a static encoder"):
        distill(encoder, tmp_path / "made", dims=8)


def test_a_pooling_that_tokens_do_not_have_is_refused(tiny_folder, tmp_path):
    copied = shutil.copytree(tiny_folder, tmp_path / "copied")
    [config] = copied.glob("*Pooling/config.json")
    config.write_text('{"embedding_dimension": 32, "pooling_mode": "max"}')
    encoder = tiny(tiny_folder)
    encoder.folder = copied
    with pytest.raises(EncoderError, match=r"tiny pools by \['max'\]; one of"):
        distill(encoder, tmp_path / "made", dims=8)
