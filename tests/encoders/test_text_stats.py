"""What is not read, or not as the encoder was made to read, is counted."""

import numpy as np
import pytest

from textshot.encoders import TruncationStats, load_encoder

ENGLISH = [
    "I was charged twice and want my money back",
    "my order should have been here on Tuesday",
    "the site does not accept my password any more",
    "when do you open on Saturday morning",
    "please send me the bill for my order",
] * 8
GERMAN = [
    "Mir wurde der Betrag zweimal abgebucht, bitte erstatten Sie mir das Geld zurück",
    "Meine Bestellung hätte schon am Dienstag hier ankommen sollen",
    "Die Webseite nimmt mein Kennwort nicht mehr an",
] * 8
CHINESE = ["我被收了两次钱 请退款", "我的包裹还没有到", "网站不再接受我的密码"] * 10


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(device="cpu")


def test_everyday_english_is_familiar(encoder):
    found = encoder.truncation_stats(ENGLISH)
    assert found.n_texts == len(ENGLISH)
    assert found.n_subwords < 0.05 * found.n_tokens
    assert found.high_subword_rate is None


@pytest.mark.parametrize("texts", [GERMAN, CHINESE], ids=["German", "Chinese"])
def test_other_languages_are_not(encoder, texts):
    assert encoder.truncation_stats(texts).high_subword_rate > 0.3


def test_few_words_are_uninformative(encoder):
    assert encoder.truncation_stats(GERMAN[:2]).high_subword_rate is None


def test_long_texts_are_counted_by_the_tokens_that_are_read():
    encoder = load_encoder(long_texts="cut", device="cpu")
    fits, too_long = " ".join(["word"] * 254), " ".join(["word"] * 255)
    found = encoder.truncation_stats([fits, too_long, "short"])
    assert (found.n_truncated, found.limit) == (1, 254)
    # What follows changes nothing, as the count says; what is read does.
    rows = encoder.encode([too_long, too_long + " money", fits + " money", "money " + fits])
    assert rows[0] @ rows[1] == pytest.approx(1, abs=1e-6)
    assert rows[0] @ rows[2] == pytest.approx(1, abs=1e-6)
    assert rows[0] @ rows[3] < 0.9999


def test_with_windows_only_what_is_behind_all_of_them_counts(encoder):
    # 64 windows of 254 tokens, of which each but the first has 190 new ones.
    fits, too_long = " ".join(["word"] * 12224), " ".join(["word"] * 12225)
    found = encoder.truncation_stats([" ".join(["word"] * 255), fits, too_long, "short"])
    assert (found.n_texts, found.n_truncated, found.limit) == (4, 1, 254 + 63 * 190)


def test_what_is_behind_all_windows_changes_nothing_and_what_is_in_them_does(tiny_folder):
    encoder = load_encoder(str(tiny_folder), device="cpu")
    limit = encoder.truncation_stats([]).limit
    fits, too_long = " ".join(["a"] * limit), " ".join(["a"] * (limit + 1))
    assert encoder.truncation_stats([fits, too_long, "short"]).n_truncated == 1
    more = " money" * 14
    rows = encoder.encode([too_long, too_long + more, fits + more, more + fits])
    np.testing.assert_allclose(rows[1:3], rows[[0, 0]], atol=1e-6)
    assert np.abs(rows[3] - rows[0]).max() > 1e-3


def test_readings_add_up(encoder):
    parts = encoder.truncation_stats(ENGLISH[:10]) + encoder.truncation_stats(ENGLISH[10:])
    assert parts == encoder.truncation_stats(ENGLISH)
    assert TruncationStats() + parts == parts
    assert encoder.truncation_stats([]) == TruncationStats(limit=12224)


def test_counting_changes_no_vector(encoder):
    before = encoder.encode(ENGLISH[:5])
    encoder.truncation_stats([" ".join(ENGLISH)])
    assert (encoder.encode(ENGLISH[:5]) == before).all()


def test_a_text_that_comes_again_counts_again(encoder):
    texts = [*GERMAN[:3], ENGLISH[0], "", "word " * 2000]
    times = [3, 1, 4, 2, 5, 2]
    repeated = [text for text, n in zip(texts, times, strict=True) for _ in range(n)]
    one_by_one = sum((encoder.truncation_stats([text]) for text in repeated), TruncationStats())
    assert encoder.truncation_stats(repeated) == one_by_one
    assert one_by_one.n_texts == sum(times)
    assert one_by_one.n_truncated == 0 or one_by_one.n_truncated == 2
