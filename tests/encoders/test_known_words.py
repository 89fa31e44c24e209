"""Which texts say nothing to an encoder."""

import numpy as np
import pytest

from textshot.encoders import CachedEncoder, load_encoder
from textshot.encoders.known_words import KnownWords

NOTHING = ["👍", "🎉 🎉", "ดีมาก", "እንዴት ነህ", "ສະບາຍ", "👍 5!", "\u200b\u2060", "  ", "x" * 300]
SOMETHING = [
    "refund",
    "thanks 👍",
    "👍 👍 👍 👍 👍 great",
    "!!!",
    "42",
    "♥",
    "日本",
    "привет",
    "Wo bleibt mein Päckchen für Jürgen?",
    "x" * 300 + " is what I typed",
]


class Words:
    """A tokenizer that knows a few words; others are [UNK]."""

    unk_token_id = 0

    def __init__(self, *words):
        self._vocabulary = {"[UNK]": 0, **{word: i for i, word in enumerate(words, 1)}}
        self.n_tokenized = 0

    def get_vocab(self):
        return self._vocabulary

    def __call__(self, texts, **_):
        self.n_tokenized += len(texts)
        return {"input_ids": [[self._vocabulary.get(w, 0) for w in t.split()] for t in texts]}


def test_texts_without_a_known_word_say_nothing_to_the_real_encoder(real_encoder):
    assert real_encoder.unreadable(NOTHING).all()
    assert not real_encoder.unreadable(SOMETHING).any()
    assert real_encoder.unreadable([]).shape == (0,)


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_the_answer_is_the_same_by_each_backend_and_through_a_cache(backend):
    encoder = CachedEncoder(load_encoder(backend=backend))
    expected = [True] * len(NOTHING) + [False] * len(SOMETHING)
    np.testing.assert_array_equal(encoder.unreadable(NOTHING + SOMETHING), expected)


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_a_static_model_knows_its_words(static_folder, backend):
    encoder = load_encoder(str(static_folder), backend=backend)
    np.testing.assert_array_equal(encoder.unreadable(["👍", "ดีมาก", "\u200b"]), [True] * 3)


def test_encoders_without_a_vocabulary_find_blank_texts_only(compass):
    assert compass.unreadable(["👍", "\u200b", " "]).tolist() == [False, True, True]
    assert load_encoder("hashing").unreadable(["👍", "\u200b"]).tolist() == [False, True]


def test_more_than_nine_tenths_of_unknown_tokens_are_too_much():
    words = KnownWords(Words("hello", ".", "1"))
    texts = ["hello" + " mu" * 9, "hello" + " mu" * 10, ". 1", ". 1 mu", "hello hello"]
    assert words.unreadable(texts).tolist() == [False, True, False, True, False]


def test_plain_texts_are_not_tokenized():
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokenizer = Words(*letters, *letters.upper(), "hello")
    words = KnownWords(tokenizer)
    assert not words.unreadable(["hello there", "für die hello Grüße"]).any()
    before = tokenizer.n_tokenized
    words.unreadable(["hello there", "hello für dich"] * 5)
    assert tokenizer.n_tokenized == before
    assert words.unreadable(["ดีมาก", "h" * 101]).all()
    assert tokenizer.n_tokenized == before + 2
