import time

import numpy as np
import pytest
from test_encoder_base import in_new_process

from textshot.encoders import HashingEncoder, load_encoder
from textshot.encoders import hashing as module
from textshot.errors import EncoderError, InvalidTextsError


def test_vectors_are_the_same_in_every_process():
    code = (
        "from textshot.encoders import HashingEncoder;"
        "print(HashingEncoder(16).encode(['Where is my card?', 'münze', '']).tolist())"
    )
    outputs = {in_new_process(code, PYTHONHASHSEED=seed).stdout for seed in ("0", "1", "random")}
    assert len(outputs) == 1


def test_the_buckets_are_those_of_crc32():
    import zlib

    expected = np.zeros(16)
    for part, weight in [("1ab", 1.0), ("3<ab", 0.4), ("3ab>", 0.4)]:
        number = zlib.crc32(part.encode())
        expected[(number & 0x7FFFFFFF) % 16] += -weight if number >> 31 else weight
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(HashingEncoder(16).encode(["ab"])[0], expected, atol=1e-7)


def test_a_text_has_the_same_vector_alone_and_in_any_batch():
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(50)]
    texts = [" ".join(rng.choice(words, size=5)) for _ in range(5000)]
    together = HashingEncoder().encode(texts, batch_size=7)
    alone = np.concatenate([HashingEncoder().encode([text]) for text in texts[::250]])
    np.testing.assert_array_equal(together[::250], alone)


def test_shared_words_and_parts_of_words_bring_texts_together():
    card, cards, money = HashingEncoder().encode(["lost card", "lost cards", "transfer money"])
    assert card @ cards > 0.6
    assert abs(card @ money) < 0.3


def test_case_and_punctuation_do_not_count():
    one, other = HashingEncoder().encode(["Where is my CARD?", "where is -- my card"])
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("text", ["", "   ", "?!", "\n"])
def test_a_text_without_a_word_gets_the_fixed_unit_vector(text):
    row = HashingEncoder(4).encode([text, "a"])[0]
    assert row.tolist() == [0.5, 0.5, 0.5, 0.5]


def test_no_texts_give_no_rows():
    assert HashingEncoder(8).encode([]).shape == (0, 8)


def test_the_cache_of_words_is_bounded_and_does_not_change_vectors(monkeypatch):
    monkeypatch.setattr(module, "_CACHED_WORDS", 3)
    encoder = HashingEncoder(32)
    texts = ["a b c d e f g", "a b c d e f g"]
    rows = encoder.encode(texts)
    assert len(encoder._cache) <= 3
    np.testing.assert_array_equal(rows[0], HashingEncoder(32).encode(texts[:1])[0])


def test_a_hundred_thousand_texts_take_seconds():
    texts = [f"where is my card number {i % 1000} since monday" for i in range(100_000)]
    started = time.process_time()
    HashingEncoder().encode(texts)
    assert time.process_time() - started < 12  # about 2 s; wide, for machines under load


def test_identity_holds_version_and_dim():
    encoder = HashingEncoder(64)
    assert (encoder.name, encoder.source, encoder.fingerprint, encoder.dim) == (
        "hashing-64",
        "hashing-64",
        "hashing-v1-64",
        64,
    )
    assert load_encoder(**encoder.spec).fingerprint == encoder.fingerprint
    again = load_encoder(**HashingEncoder().spec)
    assert again.fingerprint == HashingEncoder().fingerprint == "hashing-v1-256"


@pytest.mark.parametrize(
    "setting",
    [{"prompt": "q: "}, {"max_length": 9}, {"revision": "main"}, {"adapter": "general-1"}],
)
def test_settings_without_effect_are_refused(setting):
    with pytest.raises(
        EncoderError, match="hashing has no revision, prompt, max_length or adapter"
    ):
        load_encoder("hashing", **setting)


@pytest.mark.parametrize("adapter", ["auto", None])
def test_without_an_adapter_is_what_it_is_anyway(adapter):
    assert load_encoder("hashing", adapter=adapter).fingerprint == HashingEncoder().fingerprint


def test_an_impossible_dim_is_refused():
    with pytest.raises(EncoderError, match="dim is 0"):
        HashingEncoder(0)


def test_texts_are_checked():
    with pytest.raises(InvalidTextsError, match="text 0 is missing"):
        HashingEncoder().encode([None])
