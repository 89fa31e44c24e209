"""Indexes with many rows: the same answers, and no more memory than is said."""

import tracemalloc

import numpy as np
import pytest

from textshot.arrays import unit_rows
from textshot.index import settling
from textshot.index.vectors import FaissSearch, NumpySearch

SIZE, DIM = 20_000, 16
ENGINES = {"faiss": FaissSearch, "numpy": NumpySearch}


@pytest.fixture(scope="module")
def rows():
    """20,000 rows: 40 that are the same, 400 pairs, and a thousand that are all but the same."""
    rng = np.random.default_rng(0)
    found = rng.normal(size=(SIZE, DIM))
    found[::500] = found[0]
    found[2::50] = found[3::50]
    found[1::20] = found[1] + 1e-7 * rng.normal(size=(1000, DIM))
    return unit_rows(found)


@pytest.fixture(scope="module")
def queries(rows):
    """Some of each sort, so that the ties are asked for, and others."""
    others = unit_rows(np.random.default_rng(1).normal(size=(40, DIM)))
    return np.concatenate([rows[[0, 500, 19_500]], rows[2:1000:50], rows[1:400:20], others])


def peak_of(search, queries, k):
    tracemalloc.start()
    try:
        search.search(queries, k)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("k", [1, 10, 500])
def test_faiss_equals_numpy_equals_the_sorted_product_with_ties(rows, queries, k):
    exact = queries.astype(np.float64) @ rows.astype(np.float64).T
    order = np.argsort(-np.round(exact, 12), axis=1, kind="stable")[:, :k]
    expected = np.take_along_axis(exact, order, 1)
    found = [make(rows).search(queries, k) for make in ENGINES.values()]
    for scores, places in found:
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)
        own = np.take_along_axis(exact, places, 1)
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found[0][0], found[1][0], strict=True)
    np.testing.assert_array_equal(found[0][1], found[1][1], strict=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_size_of_blocks_changes_no_bit(rows, queries, engine, monkeypatch):
    search = ENGINES[engine](rows)
    expected = {k: search.search(queries, k) for k in (1, 7, 500)}
    for budget in (1, 30_000, 1_000_000):
        monkeypatch.setattr(settling, "_BUDGET", budget)
        for k, (scores, places) in expected.items():
            some = slice(0, 3 if budget == 1 else None)
            again = search.search(queries[some], k)
            assert again[0].tobytes() == scores[some].tobytes()
            assert again[1].tobytes() == places[some].tobytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_does_not_grow_with_queries_times_rows(rows, engine, monkeypatch):
    monkeypatch.setattr(settling, "_BUDGET", 1 << 17)  # 1 MiB in double precision
    search, queries = ENGINES[engine](rows), np.repeat(rows[:1], 512, axis=0)
    assert peak_of(search, queries, 1) < 8 << 20  # all products at once are 40 MB


@pytest.mark.parametrize("engine", ENGINES)
def test_a_tie_is_settled_without_a_copy_of_all_rows(engine):
    rows = np.repeat(unit_rows(np.random.default_rng(0).normal(size=(200, 256))), 100, axis=0)
    search = ENGINES[engine](rows)
    assert peak_of(search, rows[500:504], 3) < rows.nbytes / 4
    scores, places = search.search(rows[500:504], 3)
    assert (places == [500, 501, 502]).all()
    np.testing.assert_allclose(scores, 1, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_all_rows_at_once_take_the_budget_and_no_copy_of_them(engine, monkeypatch):
    rows = unit_rows(np.random.default_rng(0).normal(size=(20_000, 128)))
    monkeypatch.setattr(settling, "_BUDGET", 1 << 17)
    assert peak_of(ENGINES[engine](rows), rows[:1], len(rows)) < rows.nbytes / 2
