"""The encoder cut in two gives what the whole encoder gives, and learns where it should."""

import numpy as np
import pytest
import torch
from tiny_learner import DIM, NOISES, TOPICS, WORDS, write_modules

from textshot import load_encoder
from textshot.errors import EncoderError
from textshot.training.split_encoder import SplitEncoder

TEXTS = [
    "tba",
    "my parcel has not come",
    "",
    " ",
    "?!",
    "Wo ist mein Päckchen, es sollte gestern kommen",
    "荷物がまだ届いていません",
    "🎁 🎁",
    " ".join(TOPICS),
    *(" ".join(TOPICS[i : i + i % 5 + 1] + NOISES[: i % 7]) for i in range(12)),
]
LONG = "a word and another one, " * 400


def architecture(name):
    """Return a tiny random transformer of a kind, and its tokenizer's surprises with it."""
    import transformers as t

    common = {"vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 0}
    bert_like = {
        "hidden_size": DIM,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 2 * DIM,
    }
    distil = {"dim": DIM, "n_layers": 2, "n_heads": 2, "hidden_dim": 2 * DIM}
    kinds = {
        "bert": lambda: t.BertModel(t.BertConfig(**common, **bert_like)),
        "roberta": lambda: t.RobertaModel(t.RobertaConfig(**common, **bert_like)),
        "mpnet": lambda: t.MPNetModel(t.MPNetConfig(**common, **bert_like)),
        "distilbert": lambda: t.DistilBertModel(t.DistilBertConfig(**common, **distil)),
        "albert": lambda: t.AlbertModel(t.AlbertConfig(**common, **bert_like, embedding_size=8)),
        "electra": lambda: t.ElectraModel(
            t.ElectraConfig(**common, **bert_like, embedding_size=DIM // 2)
        ),
    }
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return kinds[name]()


@pytest.fixture
def folder_of(tmp_path):
    def made(name, normalize=True):
        from transformers import BertTokenizerFast

        folder = tmp_path / name
        folder.mkdir()
        (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
        BertTokenizerFast.from_pretrained(folder).save_pretrained(folder)
        architecture(name).save_pretrained(folder)
        write_modules(folder, normalize)
        return folder

    return made


def stored(encoder, layers, texts):
    split_encoder = SplitEncoder(encoder.fresh_model(), layers, str(encoder.spec["prompt"]))
    split_encoder.store(texts)
    return split_encoder


def cutting(encoder):
    """Return the encoder that reads the beginning of long texts alone, as a SplitEncoder does."""
    spec = {**encoder.spec, "long_texts": "cut"}
    adapter = spec.pop("layer", None)
    return load_encoder(**spec, adapter=adapter, device="cpu")


def assert_same(split_encoder, encoder, texts):
    """Rows come back in the order asked for, some of them twice."""
    rows = np.random.default_rng(0).integers(len(texts), size=3 * len(texts))
    expected = cutting(encoder).encode(texts)
    np.testing.assert_allclose(split_encoder.embed(rows), expected[rows], atol=1e-5)
    np.testing.assert_allclose(split_encoder.embed(np.arange(len(texts))), expected, atol=1e-5)
    found = split_encoder.vectors(rows)
    assert found.requires_grad
    np.testing.assert_allclose(found.detach().numpy(), expected[rows], atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 3, "all", "projector"])
def test_embeddings_are_the_encoders(learner, layers):
    assert_same(stored(learner, layers, TEXTS), learner, TEXTS)


@pytest.fixture(scope="module")
def expected(real_encoder):
    return real_encoder.encode(TEXTS)


@pytest.mark.parametrize("layers", [1, 2, "all", "projector"])
def test_embeddings_are_the_real_encoders(real_encoder, expected, layers):
    split_encoder = stored(real_encoder, layers, TEXTS)
    rows = np.random.default_rng(0).permutation(len(TEXTS))
    np.testing.assert_allclose(split_encoder.embed(rows), expected[rows], atol=1e-5)


def test_a_text_longer_than_the_encoder_reads(real_encoder):
    split_encoder = stored(real_encoder, 2, [LONG, "short"])
    found = split_encoder.embed(np.array([0, 1]))
    beginning = cutting(real_encoder)
    np.testing.assert_allclose(found, beginning.encode([LONG, "short"]), atol=1e-5)
    cut = beginning.encode([LONG[: len(LONG) // 2]])
    np.testing.assert_allclose(found[:1], cut, atol=1e-5)


def test_a_prompt_and_a_shorter_length_are_kept(learner_folder):
    plain = load_encoder(str(learner_folder), device="cpu")
    encoder = load_encoder(str(learner_folder), device="cpu", prompt="tba tbe ", max_length=6)
    split_encoder = stored(encoder, 2, TEXTS)
    assert_same(split_encoder, encoder, TEXTS)
    assert np.abs(split_encoder.embed(np.arange(len(TEXTS))) - plain.encode(TEXTS)).max() > 0.01


@pytest.mark.parametrize(
    "layers", ["all", *(pytest.param(n, marks=pytest.mark.slow) for n in (1, "projector"))]
)
@pytest.mark.parametrize("name", ["bert", "roberta", "mpnet", "distilbert", "electra"])
def test_other_architectures(folder_of, name, layers):
    encoder = load_encoder(str(folder_of(name)), device="cpu")
    split_encoder = stored(encoder, layers, TEXTS)
    assert_same(split_encoder, encoder, TEXTS)
    if layers != "projector":  # what learned is what the whole model does afterwards
        with torch.no_grad():
            for weight in split_encoder.parameters().values():
                weight += 0.05 * torch.randn(weight.shape, generator=torch.manual_seed(1))
        whole = split_encoder.model.encode(TEXTS, normalize_embeddings=True)
        np.testing.assert_allclose(split_encoder.embed(np.arange(len(TEXTS))), whole, atol=1e-5)


def test_a_model_without_a_normalize_module(folder_of):
    encoder = load_encoder(str(folder_of("bert", normalize=False)), device="cpu")
    for layers in (1, "projector"):
        split_encoder = stored(encoder, layers, TEXTS)
        assert_same(split_encoder, encoder, TEXTS)


def test_an_architecture_whose_layers_are_not_found_gets_a_projector(folder_of):
    encoder = load_encoder(str(folder_of("albert")), device="cpu")
    with pytest.raises(EncoderError, match=r"AlbertModel keeps its layers.*Use --layers projector"):
        SplitEncoder(encoder.fresh_model(), 1)
    assert_same(stored(encoder, "projector", TEXTS), encoder, TEXTS)


def test_a_model_without_a_transformer_gets_a_projector(tmp_path, learner_folder):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(learner_folder / "tokenizer.json"))
    tokenizer.no_truncation()
    weights = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[module], device="cpu").save_pretrained(str(tmp_path / "static"))
    encoder = load_encoder(str(tmp_path / "static"), device="cpu")
    with pytest.raises(EncoderError, match=r"Use --layers projector"):
        SplitEncoder(encoder.fresh_model(), 1)
    texts = [text for text in TEXTS if text.strip()]
    assert_same(stored(encoder, "projector", texts), encoder, texts)


@pytest.mark.parametrize("layers", [4, 0, 99])
def test_more_layers_than_there_are(learner, layers):
    with pytest.raises(EncoderError, match=rf"{layers} layers.*the encoder has 3.*1 to 3, all"):
        SplitEncoder(learner.fresh_model(), layers)


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        (1, {"layer.2."}),
        (2, {"layer.1.", "layer.2."}),
        ("all", {"layer.0.", "layer.1.", "layer.2."}),
        ("projector", {"2.linear.weight"}),
    ],
)
def test_gradients_reach_what_learns_and_nothing_else(learner, layers, names):
    split_encoder = stored(learner, layers, TEXTS)
    wanted = torch.randn(len(TEXTS), DIM, generator=torch.manual_seed(0))
    before = {n: w.detach().clone() for n, w in split_encoder.model.named_parameters()}
    optimizer = torch.optim.AdamW(split_encoder.parameters().values(), lr=0.01)
    for module in split_encoder.trainable:
        module.train()
    for _ in range(3):
        optimizer.zero_grad()
        (split_encoder.vectors(np.arange(len(TEXTS))) * wanted).sum().backward()
        optimizer.step()
    assert {n for n in before if any(part in n for part in names)} == set(
        split_encoder.parameters()
    )
    for name, weight in split_encoder.model.named_parameters():
        if name in split_encoder.parameters():
            assert weight.grad is not None
            assert torch.isfinite(weight.grad).all()
            assert not torch.equal(weight, before[name])
        else:
            assert weight.grad is None
            assert torch.equal(weight, before[name])


def test_what_is_beside_a_text_does_not_change_it(learner):
    split_encoder = stored(learner, 2, TEXTS)
    together = split_encoder.embed(np.arange(len(TEXTS)))
    alone = [split_encoder.embed(np.array([i]))[0] for i in range(len(TEXTS))]
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("layers", [1, "projector"])
def test_states_that_take_too_much_memory_lie_in_a_file(learner, tmp_path, monkeypatch, layers):
    monkeypatch.setattr("textshot.training.split_encoder._MAX_BYTES", 0)
    split_encoder = SplitEncoder(learner.fresh_model(), layers, "", tmp_path / "work")
    split_encoder.store(TEXTS)
    assert split_encoder._states.dtype == torch.float16
    assert list((tmp_path / "work").iterdir()) == []  # it goes when nobody holds it any more
    found = split_encoder.embed(np.arange(len(TEXTS)))
    np.testing.assert_allclose(found, cutting(learner).encode(TEXTS), atol=2e-3)  # half precision


def test_progress_counts_the_stored_texts(learner):
    calls = []
    split_encoder = SplitEncoder(learner.fresh_model(), 1)
    split_encoder.store([f"tba {i}" for i in range(150)], lambda *call: calls.append(call))
    counts, shares = zip(*calls, strict=True)
    assert sum(counts) == 150
    assert len(counts) > 1
    assert shares[-1] == 1.0


def test_the_model_is_restored_after_an_error(learner):
    split_encoder = stored(learner, 1, TEXTS)
    before = split_encoder.model.encode(TEXTS)
    with pytest.raises(IndexError):
        split_encoder.vectors(np.array([10_000]))
    np.testing.assert_array_equal(split_encoder.model.encode(TEXTS), before)
