"""Long texts: cut into windows that overlap, each of them read whole, and their vectors pooled."""

import random
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from model_folders import model_fingerprint

from textshot.encoders import load_encoder
from textshot.encoders.long_texts import MAX_WINDOWS, OVERLAP, Windows, pool_windows
from textshot.errors import EncoderError

LIMIT = 256
FITS = LIMIT - 2  # [CLS] and [SEP]
LENGTHS = [255, 256, 300, 444, 445, 635, 1000, 5000, 12_000]

TINY_FITS = 14  # of the tiny model's 16
WORDS = ["a", "b", "c", "card", "money", "lost", "late", "where", "is", "my"]


@pytest.fixture(scope="module")
def tokenizer(bundled_folder):
    """The real one; what is cut where is a matter of words, and no model is needed for it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(bundled_folder), local_files_only=True)


@pytest.fixture(scope="module")
def vocabulary(tokenizer):
    """Words of one token, and parts of words."""
    plain = sorted(t for t in tokenizer.get_vocab() if t.isascii() and len(t) > 2)
    words = [t for t in plain if t.isalpha()]
    return words, [t[2:] for t in plain if t[:2] == "##" and t[2:].isalpha() and len(t) > 3]


def offsets_of(tokenizer, text):
    """Where each token of a text begins and ends."""
    return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
        "offset_mapping"
    ]


def places_of(text, windows):
    """Where each window begins and ends; no two parts of these texts are alike."""
    found, start = [], -1
    for window in windows:
        start = text.index(window, start + 1)
        found.append((start, start + len(window)))
    return found


def cut(tokenizer, text, limit=LIMIT, prompt=""):
    windows, owners = Windows(tokenizer, limit, prompt)([text])
    assert owners.tolist() == [0] * len(windows)
    return windows


def plain_text(vocabulary, n_tokens, seed=0):
    return " ".join(random.Random(seed).choices(vocabulary[0], k=n_tokens))


def text_of_parts(vocabulary, n_words, seed=0):
    """Words of two to four tokens each, so that most windows begin and end inside of one."""
    rng = random.Random(seed)
    return " ".join(
        rng.choice(vocabulary[0]) + "".join(rng.choices(vocabulary[1], k=rng.randint(1, 3)))
        for _ in range(n_words)
    )


def any_text(seed):
    """Emoji, Chinese, Korean, combining marks, letters; with few blanks, many or none."""
    rng = random.Random(seed)
    kinds = [
        lambda: rng.choice("😀🎉🚀👩‍🚀❤️🇩🇪🤷🏽"),
        lambda: chr(rng.randint(0x4E00, 0x9FA5)),
        lambda: chr(rng.randint(0xAC00, 0xD7A3)),
        lambda: rng.choice("aeounsc") + chr(rng.randint(0x300, 0x36F)) * rng.randint(1, 3),
        lambda: unicodedata.normalize("NFD", rng.choice("äéñöüçå")),
        lambda: "".join(rng.choices("etaoinshrdlu", k=rng.randint(1, 14))),
        lambda: rng.choice(".,!?-/§€\u200d\u00ad\u3000\t"),
        lambda: str(rng.randint(0, 99_999)),
    ]
    chosen, blanks = rng.sample(kinds, rng.randint(1, len(kinds))), rng.choice([0, 0.1, 0.5, 1])
    parts = (
        rng.choice(chosen)() + (" " if rng.random() < blanks else "")
        for _ in range(rng.randint(1, 1500))
    )
    return "".join(parts)


# Where texts are cut


@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_windows_cover_all_of_a_text(tokenizer, vocabulary, n_tokens):
    text = plain_text(vocabulary, n_tokens)
    places = places_of(text, cut(tokenizer, text))
    assert places[0][0] == 0
    assert places[-1][1] == len(text)
    assert all(end > start for (_, end), (start, _) in pairwise(places))


@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_windows_are_full_and_neighbours_share_64_tokens_at_least(tokenizer, vocabulary, n_tokens):
    text = plain_text(vocabulary, n_tokens)
    windows = cut(tokenizer, text)
    assert [len(window.split()) for window in windows] == [FITS] * len(windows)
    places = places_of(text, windows)
    shared = [len(text[start:end].split()) for (_, end), (start, _) in pairwise(places)]
    assert min(shared) >= OVERLAP == 64


@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_windows_are_evenly_spread_and_no_more_than_needed(tokenizer, vocabulary, n_tokens):
    text = plain_text(vocabulary, n_tokens)
    starts = [len(text[:at].split()) for at, _ in places_of(text, cut(tokenizer, text))]
    steps = [b - a for a, b in pairwise(starts)]
    assert max(steps) - min(steps) <= 1
    assert starts[-1] == n_tokens - FITS
    assert len(starts) == 1 + -(-(n_tokens - FITS) // (FITS - OVERLAP))


def test_a_text_that_just_fits_is_one_window_and_one_token_more_makes_two(tokenizer, vocabulary):
    fits = "\n " + plain_text(vocabulary, FITS) + " \t"
    assert cut(tokenizer, fits) == [fits]
    longer = fits + "more"
    first = longer.split()[0]
    assert cut(tokenizer, longer) == [fits.strip(), longer.strip().removeprefix(first).strip()]


@pytest.mark.parametrize("text", ["", " ", "a", "\n" * 5000, "word" + " " * 5000, "x" * 5000])
def test_few_tokens_are_one_window_however_many_characters(tokenizer, text):
    assert cut(tokenizer, text) == [text]


def test_windows_of_many_texts_are_told_apart(tokenizer, vocabulary):
    texts = [plain_text(vocabulary, n, seed=n) for n in (3, 300, 5, 700)]
    windows, owners = Windows(tokenizer, LIMIT)(["", *texts, ""])
    assert owners.tolist() == [0, 1, 2, 2, 3, 4, 4, 4, 4, 5]
    assert windows == [w for text in ["", *texts, ""] for w in cut(tokenizer, text)]
    none, nobody = Windows(tokenizer, LIMIT)([])
    assert (none, nobody.tolist()) == ([], [])


def test_words_of_many_tokens_are_covered_and_shared_too(tokenizer, vocabulary):
    for seed in range(20):
        text = text_of_parts(vocabulary, 90 + 40 * seed, seed)
        places = places_of(text, cut(tokenizer, text))
        assert (places[0][0], places[-1][1]) == (0, len(text))
        tokens = offsets_of(tokenizer, text)
        for (_, end), (start, _) in pairwise(places):
            assert sum(start <= a and b <= end for a, b in tokens) >= OVERLAP // 4


def test_no_window_has_more_tokens_than_are_read_also_where_words_are_cut(tokenizer, vocabulary):
    for seed in range(20):
        windows = cut(tokenizer, text_of_parts(vocabulary, 90 + 40 * seed, seed))
        assert max(len(offsets_of(tokenizer, window)) for window in windows) <= FITS


@pytest.mark.parametrize("seed", range(15))
def test_any_text_is_covered_from_its_first_to_its_last_token(tokenizer, seed):
    text = any_text(seed)
    tokens, windows = offsets_of(tokenizer, text), cut(tokenizer, text)
    if len(tokens) <= FITS:
        assert windows == [text]
        return
    assert len(windows) > 1
    places = places_of(text, windows)
    assert places[0][0] <= tokens[0][0]
    assert places[-1][1] >= tokens[-1][1]
    for (_, end), (start, _) in pairwise(places):
        assert sum(start <= a and b <= end for a, b in tokens) >= OVERLAP // 4


@pytest.mark.parametrize("seed", range(15))
def test_no_window_of_any_text_has_more_tokens_than_are_read(tokenizer, seed):
    windows = cut(tokenizer, any_text(seed))
    assert max(len(offsets_of(tokenizer, window)) for window in windows) <= FITS


@pytest.mark.parametrize("limit", [3, 8, 9, 10, 20, 65, 128, 130])
def test_windows_of_every_size_fit_and_cover(tokenizer, vocabulary, limit):
    text = plain_text(vocabulary, 150)
    windows = cut(tokenizer, text, limit)
    assert max(len(offsets_of(tokenizer, window)) for window in windows) <= limit - 2
    if len(windows) < MAX_WINDOWS:
        places = places_of(text, windows)
        assert (places[0][0], places[-1][1]) == (0, len(text))
        assert all(end > start for (_, end), (start, _) in pairwise(places))


# What becomes of them


def load(folder, **options):
    return load_encoder(str(folder), device="cpu", **options)


@pytest.fixture(scope="module")
def encoder(tiny_folder):
    return load(tiny_folder)


@pytest.fixture(scope="module")
def cutting(tiny_folder):
    return load(tiny_folder, long_texts="cut")


def tiny_text(n_tokens, seed=0):
    return " ".join(random.Random(seed).choices(WORDS, k=n_tokens))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.parametrize("n_tokens", [15, 22, 100, 455])
def test_the_vector_is_the_unit_mean_of_the_vectors_of_its_windows(encoder, cutting, n_tokens):
    text = tiny_text(n_tokens)
    windows = cut(encoder.transformer.tokenizer, text, 16)
    assert len(windows) == 1 + -(-(n_tokens - 14) // 7)
    expected = unit(cutting.encode(windows).mean(axis=0))
    np.testing.assert_allclose(encoder.encode([text])[0], expected, atol=1e-5)


def test_means_by_pencil():
    rows = np.array([[1, 0], [0, 1], [1, 1], [0, 4], [2, 0]], np.float32)
    found = pool_windows(rows, np.array([0, 1, 1, 2, 2]), 3)
    assert found.tolist() == [[1, 0], [0.5, 1], [1, 2]]
    assert pool_windows(rows, np.arange(5), 5).tolist() == rows.tolist()


def test_rows_are_float32_and_unit(encoder):
    rows = encoder.encode([tiny_text(n) for n in (1, 14, 15, 300)])
    assert (rows.shape, rows.dtype) == ((4, 32), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert encoder.encode([]).shape == (0, 32)


def test_a_long_text_has_the_same_vector_alone_in_any_batch_and_in_any_order(encoder):
    lengths = np.random.default_rng(1).integers(1, 90, size=10)
    texts = [tiny_text(n, seed) for seed, n in enumerate(lengths)]
    reference = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    order = np.random.default_rng(2).permutation(10)
    shuffled = encoder.encode([texts[i] for i in order], batch_size=3)
    np.testing.assert_allclose(alone, reference, atol=1e-5)
    np.testing.assert_allclose(shuffled, reference[order], atol=1e-5)


def test_what_stands_at_the_end_of_a_long_text_counts_unless_it_is_cut(encoder, cutting):
    texts = [tiny_text(60) + " lost card" * 3, tiny_text(60) + " my money" * 3]
    assert np.abs(np.subtract(*encoder.encode(texts))).max() > 0.005
    np.testing.assert_allclose(*cutting.encode(texts), atol=1e-6)


def test_the_last_word_counts_also_where_its_window_begins_inside_a_word(real_encoder):
    # "token ##ization" is two tokens; the window that begins behind the first of them reads "i
    # ##zation", one more than it was cut for.
    tokenize = real_encoder.transformer.tokenizer.tokenize
    assert tokenize("tokenization") == ["token", "##ization"]
    assert tokenize("ization") == ["i", "##zation"]
    text = "tokenization " + "word " * (FITS - 2)
    rows = real_encoder.encode([text + "money", text + "parcel"])
    assert real_encoder.truncation_stats([text + "money"]).n_truncated == 0
    assert np.abs(rows[0] - rows[1]).max() > 1e-4


def test_short_texts_are_bit_for_bit_what_cutting_gives(encoder, cutting):
    texts = ["", "a", "where is my card", tiny_text(14), "b " * 14, "😀", "a\x00b", "\n" * 99]
    np.testing.assert_array_equal(encoder.encode(texts), cutting.encode(texts))
    for text in texts:
        np.testing.assert_array_equal(encoder.encode([text]), cutting.encode([text]))


def test_an_exact_text_is_bit_for_bit_what_cutting_gives_and_one_token_more_is_not(
    encoder, cutting
):
    fits, longer = tiny_text(14), tiny_text(14) + " money"
    np.testing.assert_array_equal(encoder.encode([fits]), cutting.encode([fits]))
    assert np.abs(encoder.encode([longer]) - cutting.encode([longer])).max() > 1e-4


def test_behind_the_last_window_nothing_is_read_and_it_is_counted(encoder):
    reach = TINY_FITS + (MAX_WINDOWS - 1) * 7
    fits = tiny_text(reach)
    texts = [fits, fits + " money" * 40, fits + " lost", tiny_text(15)]
    found = encoder.truncation_stats(texts)
    assert (found.n_texts, found.n_truncated, found.limit) == (4, 2, reach)
    windows = [cut(encoder.transformer.tokenizer, text, 16) for text in texts[:3]]
    assert len(windows[0]) == MAX_WINDOWS
    assert windows[0] == windows[1] == windows[2]
    rows = encoder.encode(texts)
    np.testing.assert_allclose(rows[1:3], rows[[0, 0]], atol=1e-6)
    before_the_end = fits.rsplit(" ", 7)[0] + " money" * 7
    assert np.abs(encoder.encode([before_the_end]) - rows[0]).max() > 1e-4


def test_any_text_has_a_vector(encoder):
    texts = [any_text(seed) for seed in range(40)]
    rows = encoder.encode(texts)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    some = [3, 17, 29]
    np.testing.assert_allclose(encoder.encode([texts[i] for i in some]), rows[some], atol=1e-5)


# Prompts


def test_a_prompt_stands_before_each_window_and_leaves_room_for_it(tiny_folder, cutting):
    prompted, text = load(tiny_folder, prompt="query: "), tiny_text(50)
    windows = cut(cutting.transformer.tokenizer, text, 16, "query: ")
    assert [len(window.split()) for window in windows] == [12] * len(windows)
    by_hand = cutting.encode(["query: " + window for window in windows])
    np.testing.assert_allclose(prompted.encode([text])[0], unit(by_hand.mean(axis=0)), atol=1e-5)


def test_with_a_prompt_fewer_tokens_are_read_at_once(tiny_folder):
    prompted, plain = load(tiny_folder, prompt="query: "), load(tiny_folder)
    cutting = load(tiny_folder, prompt="query: ", long_texts="cut")
    fits, longer = tiny_text(12), tiny_text(12) + " money"
    np.testing.assert_array_equal(prompted.encode([fits]), cutting.encode([fits]))
    assert np.abs(prompted.encode([longer]) - cutting.encode([longer])).max() > 1e-4
    assert prompted.fingerprint not in (plain.fingerprint, cutting.fingerprint)


def test_a_text_that_all_windows_hold_is_not_counted_as_long_because_of_a_prompt(tiny_folder):
    prompted = load(tiny_folder, prompt="query: ")
    reach = 12 + (MAX_WINDOWS - 1) * 6
    fits, longer = tiny_text(reach), tiny_text(reach) + " money"
    assert prompted.truncation_stats([fits]).n_truncated == 0
    assert prompted.truncation_stats([fits, longer]).n_truncated == 1


# Options


def test_a_small_max_length_reads_everything_in_small_windows(tiny_folder):
    small = load(tiny_folder, max_length=8)
    cutting = load(tiny_folder, max_length=8, long_texts="cut")
    for n in range(1, 30):
        text = tiny_text(n)
        windows = cut(small.transformer.tokenizer, text, 8)
        assert max(len(window.split()) for window in windows) <= 6
        expected = unit(cutting.encode(windows).mean(axis=0))
        np.testing.assert_allclose(small.encode([text])[0], expected, atol=1e-5)


@pytest.mark.parametrize("max_length", [3, 8])
def test_with_a_small_max_length_the_last_word_counts(tiny_folder, max_length):
    small = load(tiny_folder, max_length=max_length)
    for n in (1, 6, 7, 8, 9, 30):
        rows = small.encode([tiny_text(n) + " lost", tiny_text(n) + " money"])
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
        assert np.abs(rows[0] - rows[1]).max() > 1e-4


@pytest.mark.parametrize("long_texts", ["window", "CUT", "", "mean", None])
def test_another_word_for_long_texts_is_refused(tiny_folder, long_texts):
    message = rf"long_texts is {long_texts!r}; say 'windows' or 'cut'"
    with pytest.raises(EncoderError, match=message):
        load(tiny_folder, long_texts=long_texts)
    with pytest.raises(EncoderError, match=message):
        model_fingerprint(tiny_folder, long_texts=long_texts)


def test_windows_are_in_the_fingerprint_and_in_the_spec(encoder, cutting, tiny_folder):
    assert cutting.fingerprint == model_fingerprint(tiny_folder)
    assert encoder.fingerprint == model_fingerprint(tiny_folder, long_texts="windows")
    assert encoder.fingerprint != cutting.fingerprint
    assert encoder.spec == {**cutting.spec, "long_texts": "windows"}


def test_a_model_without_a_limit_reads_everything_at_once(static_folder):
    windows, cutting = load(static_folder), load(static_folder, long_texts="cut")
    texts = [tiny_text(1000), "", "a"]
    np.testing.assert_array_equal(windows.encode(texts), cutting.encode(texts))


def test_threads_that_encode_and_count_do_not_disturb_each_other(tiny_folder):
    # Encoding changes how the tokenizer truncates; a count in between would be wrong.
    encoder = load(tiny_folder)
    texts = [tiny_text(n, n) for n in (5, 40, 90)]
    rows, stats = encoder.encode(texts), encoder.truncation_stats(texts)

    def same(i):
        if i % 2:
            return encoder.truncation_stats(texts) == stats
        return np.allclose(encoder.encode(texts), rows, atol=1e-5)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(same, range(24)))
