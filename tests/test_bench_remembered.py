"""The embeddings that benchmarks keep on disk: an encoder's own, each made once."""

import numpy as np
import pytest

from benchmarks import remembered
from benchmarks.remembered import Remembered
from textshot import Category, Engine
from textshot.testing import HashingEncoder

TEXTS = [f"text number {i}" for i in range(25)]
STRANGE = ["", " ", "zwei\nZeilen", "サイズ", "a\x00b", "lone \ud800", "lone ?", "x" * 10_000]


class Counting(HashingEncoder):
    """Keeps what it was asked for, and stops when it has had enough."""

    def __init__(self, dim=64, most=10**9):
        super().__init__(dim)
        self.asked, self.sizes, self.most = [], [], most

    def encode(self, texts, *, batch_size=32):
        if len(self.asked) + len(texts) > self.most:
            raise KeyboardInterrupt("enough")
        self.asked += texts
        self.sizes.append(batch_size)
        return super().encode(texts, batch_size=batch_size)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(remembered, "CHUNK", 10)


def test_vectors_are_those_of_the_encoder_in_the_order_of_the_texts(tmp_path):
    own, encoder = HashingEncoder(64), Remembered(HashingEncoder(64), tmp_path)
    texts = [*TEXTS, *STRANGE, *TEXTS[::-1]]
    for _ in range(2):
        found = encoder.encode(texts)
        assert (found.dtype, found.shape) == (np.float32, (len(texts), 64))
        assert found.tobytes() == own.encode(texts).tobytes()
    assert encoder.encode([]).shape == (0, 64)


def test_it_says_that_it_is_the_encoder(tmp_path):
    own, encoder = HashingEncoder(64), Remembered(HashingEncoder(64), tmp_path / "made" / "here")
    for name in ("name", "source", "dim", "fingerprint", "spec"):
        assert getattr(encoder, name) == getattr(own, name)
    categories = [Category.of("parcel", "where is it"), Category.of("money", "a refund")]
    engines = [Engine.build(categories, encoder=one) for one in (own, encoder)]
    first, second = (engine.scores(TEXTS).tobytes() for engine in engines)
    assert first == second


def test_each_text_is_encoded_once_ever(tmp_path):
    own = Counting()
    encoder = Remembered(own, tmp_path)
    encoder.encode([*TEXTS, *TEXTS], batch_size=7)
    encoder.encode(TEXTS[::2])
    encoder.encode([*STRANGE, TEXTS[0], *STRANGE])
    assert own.asked == [*TEXTS, *STRANGE]
    assert set(own.sizes) == {7, 32}


def test_vectors_are_kept_for_another_run(tmp_path):
    expected = Remembered(HashingEncoder(64), tmp_path).encode(TEXTS)
    again = Remembered(Counting(most=0), tmp_path)
    np.testing.assert_array_equal(again.encode(TEXTS[::-1]), expected[::-1])


def test_what_was_encoded_before_a_stop_is_kept(tmp_path):
    stopped = Counting(most=20)
    with pytest.raises(KeyboardInterrupt, match="enough"):
        Remembered(stopped, tmp_path).encode(TEXTS)
    assert stopped.asked == TEXTS[:20]
    own = Counting()
    found = Remembered(own, tmp_path).encode(TEXTS)
    assert own.asked == TEXTS[20:]
    assert found.tobytes() == HashingEncoder(64).encode(TEXTS).tobytes()


def test_another_encoder_has_a_file_of_its_own(tmp_path):
    narrow, wide = Counting(64), Counting(32)
    Remembered(narrow, tmp_path).encode(TEXTS)
    found = Remembered(wide, tmp_path).encode(TEXTS)
    assert narrow.asked == wide.asked == TEXTS
    assert found.tobytes() == HashingEncoder(32).encode(TEXTS).tobytes()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["hashing-v1-32.sqlite", "hashing-v1-64.sqlite"]


def test_two_that_are_open_at_once_share_what_they_know(tmp_path):
    first, second = Counting(), Counting()
    one, other = Remembered(first, tmp_path), Remembered(second, tmp_path)
    one.encode(TEXTS[:10])
    other.encode(TEXTS)
    one.encode(TEXTS)
    assert (first.asked, second.asked) == (TEXTS[:10], TEXTS[10:])
