import numpy as np
import pytest

from textshot.encoders.compiled.verification import MIN_COSINE, Verification, probe_texts, verify
from textshot.errors import EncoderError


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def reference():
    return unit(np.random.default_rng(5).normal(size=(40, 16)))


def turned(row, cosine):
    """A unit vector of this cosine with `row`."""
    aside = np.roll(row, 1) - (np.roll(row, 1) @ row) * row
    return cosine * row + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside)


@pytest.mark.parametrize("precision", MIN_COSINE)
def test_the_reference_verifies_itself(reference, precision):
    found = verify(reference, reference, precision)
    assert found == Verification(pytest.approx(1, abs=1e-6), 40, 0)


@pytest.mark.parametrize(
    ("precision", "near", "far", "asked"),
    [("fp32", 1 - 5e-7, 0.99999, "0.999999"), ("bf16", 0.99985, 0.9997, "0.999800")],
)
def test_one_vector_that_is_off_is_refused_with_the_numbers(reference, precision, near, far, asked):
    rows = reference.copy()
    rows[7] = turned(rows[7], near)
    assert verify(rows, reference, precision).min_cosine == pytest.approx(near, abs=3e-7)
    rows[7] = turned(reference[7], far)
    numbers = rf"in {precision} .*worst of 40 texts has cosine {far:.5f}.*{asked} is"
    with pytest.raises(EncoderError, match=numbers):
        verify(rows, reference, precision)


@pytest.mark.parametrize("places", [[3], slice(None)])
def test_numbers_that_are_none_are_refused(reference, places):
    rows = reference.copy()
    rows[places] = np.nan
    with pytest.raises(EncoderError, match=r"has cosine nan"):
        verify(rows, reference, "bf16")


def test_numbers_that_are_none_are_refused_where_no_neighbour_is_clear():
    reference = circle(30, 30, 30)
    rows = reference.copy()
    rows[1] = np.nan
    with pytest.raises(EncoderError, match=r"has cosine nan .* and 0 have another"):
        verify(rows, reference, "fp32")


def circle(*degrees):
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_a_neighbour_that_changes_where_the_reference_is_clear_is_refused():
    # 30 lies 1.0 from 29 and 1.15 from 31.15: cosines that differ by 5e-5.
    reference, rows = circle(29, 30, 31.15, 200), circle(29, 30, 30.85, 200)
    with pytest.raises(EncoderError, match=r"and 1 have another nearest neighbour"):
        verify(rows, reference, "fp32")


def test_a_neighbour_may_change_where_the_reference_cannot_tell():
    reference, rows = circle(29, 30, 31.0001, 200), circle(29, 30, 30.9999, 200)
    assert verify(rows, reference, "fp32").n_changed == 0
    coarse = circle(29, 30, 31.3, 200), circle(29, 30, 30.9, 200)
    assert verify(*coarse[::-1], "bf16").n_changed == 0


def test_the_probe_texts_are_all_different_and_of_all_lengths():
    texts = probe_texts()
    assert len(set(texts)) == len(texts) > 100
    assert "" in texts
    assert max(len(text.split()) for text in texts) > 200  # longer than the default reads
