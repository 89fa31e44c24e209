"""The Rust tokenizer alone gives what transformers gives."""

import numpy as np
import pytest
from compiled_models import FAMILIES, TEXTS, make_tokenizer

from textshot.encoders.compiled.tokens import Tokenizer
from textshot.encoders.long_texts import TruncationCounter, Windows
from textshot.encoders.texts import clean_texts

MANY = [
    *clean_texts(TEXTS),
    "word " * 5000,
    "주문한 상품이 아직 도착하지 않았습니다 " * 40,
    "\u202eright to left\u202c",
    "where is my card" * 20,
    "e" + "\u0301" * 50,
]
LIMIT = 24


def tokenizer_json(tokenizer):
    return tokenizer.backend_tokenizer.to_str().encode()


@pytest.fixture(scope="module", params=["tiny", "real", *FAMILIES])
def pair(request, tmp_path_factory):
    """A tokenizer of transformers, and ours of the same file."""
    from transformers import AutoTokenizer

    if request.param in FAMILIES:
        theirs = make_tokenizer(request.param)
    else:
        fixture = {"tiny": "tiny_folder", "real": "bundled_folder"}[request.param]
        theirs = AutoTokenizer.from_pretrained(request.getfixturevalue(fixture))
    theirs(["a"], truncation=True, max_length=9, padding=True)  # what it was set to is not kept
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    path.write_bytes(tokenizer_json(theirs))
    return theirs, Tokenizer(path, LIMIT, theirs.unk_token)


def test_the_numbers_are_the_same_special_tokens_and_the_cut_included(pair):
    theirs, ours = pair
    expected = theirs(MANY, truncation=True, max_length=LIMIT)["input_ids"]
    found = ours.tokenize(MANY)
    assert [row.tolist() for row in found] == expected
    assert max(len(row) for row in found) == LIMIT
    assert found[0].dtype == np.int64
    assert ours.tokenize([]) == []


def test_without_a_limit_nothing_is_cut(pair, tmp_path):
    theirs, _ = pair
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json(theirs))
    ours = Tokenizer(tmp_path / "tokenizer.json", None, theirs.unk_token)
    expected = theirs(MANY, truncation=False, verbose=False)["input_ids"]
    assert [row.tolist() for row in ours.tokenize(MANY)] == expected
    assert max(map(len, expected)) > 5000


def test_numbers_places_and_words_of_whole_texts_are_the_same(pair):
    theirs, ours = pair
    asked = {"add_special_tokens": False, "truncation": False, "verbose": False}
    expected = theirs(MANY, return_offsets_mapping=True, **asked)
    found = ours(MANY, return_offsets_mapping=True, **asked)
    assert found["input_ids"] == expected["input_ids"] == ours(MANY, **asked)["input_ids"]
    assert found["offset_mapping"] == expected["offset_mapping"]
    for place in range(len(MANY)):
        assert found.word_ids(place) == expected.word_ids(place)


def test_what_it_says_of_itself_is_the_same(pair):
    theirs, ours = pair
    assert ours.num_special_tokens_to_add() == theirs.num_special_tokens_to_add() >= 1
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.unk_token_id == theirs.unk_token_id


@pytest.mark.parametrize("prompt", ["", "query: "])
@pytest.mark.parametrize("limit", [12, LIMIT])
def test_windows_and_readings_are_the_same(pair, prompt, limit):
    theirs, ours = pair
    expected, found = (Windows(one, limit, prompt) for one in (theirs, ours))
    (parts, owners), (our_parts, our_owners) = expected(MANY), found(MANY)
    assert our_parts == parts
    assert our_owners.tolist() == owners.tolist()
    assert len(parts) > len(MANY)
    assert TruncationCounter(ours, limit, found)(MANY) == TruncationCounter(
        theirs, limit, expected
    )(MANY)
    assert TruncationCounter(ours, limit, None)(MANY) == TruncationCounter(theirs, limit, None)(
        MANY
    )


def test_a_tokenizer_without_an_unknown_token_has_none(pair, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json(pair[0]))
    assert Tokenizer(tmp_path / "tokenizer.json", LIMIT).unk_token_id is None
