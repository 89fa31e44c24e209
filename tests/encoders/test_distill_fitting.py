"""Fitting the rows of tokens to texts, on numbers that a pencil can make."""

import numpy as np

from textshot.encoders.compiled.static import mean_rows
from textshot.encoders.distill import fit_rows


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def problem(n=200, n_tokens=12, d=6, dim=8, seed=0):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n_tokens, d)).astype(np.float32)
    truth = rng.normal(size=(n_tokens, dim)).astype(np.float32)
    numbers = [rng.integers(0, n_tokens - 2, rng.integers(1, 6)) for _ in range(n)]
    return table, truth, numbers, unit(mean_rows(truth, numbers))


def test_vectors_that_are_means_of_rows_are_found_again():
    table, truth, numbers, vectors = problem()
    found, cosine = fit_rows(table, numbers, vectors)
    assert found.shape == truth.shape
    assert found.dtype == np.float32
    assert cosine > 0.97
    again = problem(seed=1)[2]
    assert (unit(mean_rows(found, again)) * unit(mean_rows(truth, again))).sum(axis=1).mean() > 0.97


def test_it_is_the_same_each_time_and_leaves_its_input_alone():
    table, _, numbers, vectors = problem()
    before = table.copy()
    first, second = (fit_rows(table, numbers, vectors)[0] for _ in range(2))
    assert (first == second).all()
    assert (table == before).all()


def test_tokens_that_occur_nowhere_get_what_the_others_tell():
    table, _, numbers, vectors = problem()
    found, _ = fit_rows(table, numbers, vectors)
    assert np.abs(found[-2:]).max() > 0


def test_texts_without_tokens_or_direction_do_no_harm():
    table, _, numbers, vectors = problem()
    table[11] = 0
    odd = [np.empty(0, np.int64), np.array([11, 11])]
    found, cosine = fit_rows(table, [*numbers, *odd], np.concatenate([vectors, vectors[:2]]))
    assert np.isfinite(found).all()
    assert cosine > 0.9
