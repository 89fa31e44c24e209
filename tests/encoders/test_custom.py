import hashlib

import numpy as np
import pytest

from textshot.encoders import FunctionEncoder, PrecomputedEncoder, load_encoder
from textshot.errors import EncoderError, EncoderNotFoundError, InvalidTextsError


def lengths(texts):
    """A vector anyone can check: 3 and 4 for every text, times its length."""
    return [[3 * len(text), 4 * len(text)] for text in texts]


def test_a_function_becomes_an_encoder_of_unit_rows():
    rows = FunctionEncoder(lengths, name="lengths").encode(["a", "bcd"])
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.6, 0.8]], atol=1e-7)
    assert rows.dtype == np.float32


def test_the_function_gets_clean_texts_in_batches():
    seen = []

    def function(texts):
        seen.append(texts)
        return np.ones((len(texts), 2))

    FunctionEncoder(function, name="x").encode(["a", "b\x00", "c"], batch_size=2)
    assert seen == [["probe"], ["a", "b "], ["c"]]


def test_identity_is_name_and_dim():
    encoder = FunctionEncoder(lengths, name="lengths v1")
    assert encoder.fingerprint == "own-" + hashlib.sha256(b"lengths v1|2").hexdigest()[:32]
    assert encoder.fingerprint != FunctionEncoder(lengths, name="lengths v2").fingerprint
    assert (encoder.name, encoder.dim) == ("lengths v1", 2)
    same = PrecomputedEncoder(["a"], [[1, 0]], name="lengths v1")
    assert same.fingerprint == encoder.fingerprint


def test_loading_it_by_its_spec_says_that_it_must_be_given():
    with pytest.raises(EncoderNotFoundError, match="it was made in Python"):
        load_encoder(**FunctionEncoder(lengths, name="lengths").spec)


@pytest.mark.parametrize("shape", [(2,), (2, 2), (1, 0), (1, 2, 2)])
def test_a_probe_of_the_wrong_shape_is_refused_with_it(shape):
    with pytest.raises(EncoderError, match=r"shape \(.*\) came back for 1 text, not \(1, dim\)"):
        FunctionEncoder(lambda texts: np.ones(shape), name="x")


def test_a_later_result_of_the_wrong_shape_is_refused_with_the_numbers():
    encoder = FunctionEncoder(lambda texts: np.ones((1, 2)), name="x")
    message = r"x: shape \(1, 2\) came back for 3 texts; \(3, 2\) is needed"
    with pytest.raises(EncoderError, match=message):
        encoder.encode(["a", "b", "c"])


def test_a_vector_without_direction_is_refused_with_its_position():
    encoder = FunctionEncoder(lengths, name="x")
    with pytest.raises(InvalidTextsError, match="vector 1 is all zeros"):
        encoder.encode(["a", ""])


@pytest.mark.parametrize("name", ["", "  "])
def test_a_name_must_say_what_made_the_vectors(name):
    with pytest.raises(EncoderError, match="say what makes the vectors"):
        FunctionEncoder(lengths, name=name)
    with pytest.raises(EncoderError, match="say what makes the vectors"):
        PrecomputedEncoder(["a"], [[1.0]], name=name)


def test_precomputed_vectors_are_found_by_their_text():
    encoder = PrecomputedEncoder(["a", "b"], [[3, 4], [0, 2]], name="x")
    rows = encoder.encode(["b", "a", "b"])
    np.testing.assert_allclose(rows, [[0, 1], [0.6, 0.8], [0, 1]], atol=1e-7)
    assert encoder.encode([]).shape == (0, 2)
    assert encoder.source == "2 precomputed vectors of x"


def test_missing_texts_are_counted_and_not_shown():
    encoder = PrecomputedEncoder(["a"], [[1, 0]], name="x")
    with pytest.raises(EncoderError, match="2 of 3 texts have no precomputed vector") as caught:
        encoder.encode(["secret", "a", "private"])
    assert "secret" not in str(caught.value)


def test_a_text_given_twice_needs_one_vector():
    assert PrecomputedEncoder(["a", "a"], [[1, 0], [2, 0]], name="x").encode(["a"]).shape == (1, 2)
    with pytest.raises(EncoderError, match="texts 0 and 2 are equal, their vectors are not"):
        PrecomputedEncoder(["a", "b", "a"], [[1, 0], [1, 1], [0, 1]], name="x")


def test_texts_and_vectors_are_equally_many():
    with pytest.raises(EncoderError, match="x: 1 texts and 2 vectors"):
        PrecomputedEncoder(["a"], [[1, 0], [0, 1]], name="x")
    with pytest.raises(EncoderError, match="x: 0 texts and 0 vectors"):
        PrecomputedEncoder([], np.empty((0, 2)), name="x")
