"""Indexes with many rows: the same answers, and no more memory than is said."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from textshot import _arrays as arrays
from textshot._arrays import unit_rows
from textshot.index import Index
from textshot.index import search as search_module
from textshot.index.disk import store
from textshot.index.search import FaissSearch, NumpySearch
from textshot.index.state import DERIVED_FROM_ENTRIES
from textshot.testing import toy_engine
from textshot.types import Category

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
        monkeypatch.setattr(search_module, "_BUDGET", budget)
        for k, (scores, places) in expected.items():
            some = slice(0, 3 if budget == 1 else None)
            again = search.search(queries[some], k)
            assert again[0].tobytes() == scores[some].tobytes()
            assert again[1].tobytes() == places[some].tobytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_does_not_grow_with_queries_times_rows(rows, engine, monkeypatch):
    monkeypatch.setattr(search_module, "_BUDGET", 1 << 17)  # 1 MiB in double precision
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
    monkeypatch.setattr(search_module, "_BUDGET", 1 << 17)
    assert peak_of(ENGINES[engine](rows), rows[:1], len(rows)) < rows.nbytes / 2


def assert_knows_its_entries(state):
    """What was taken over is what a state finds out that knows nothing yet."""
    anew = replace(state)
    for name in set(DERIVED_FROM_ENTRIES) - {"search", "uncorrected_search"}:
        found, expected = getattr(state, name), getattr(anew, name)
        assert np.array_equal(found, expected) if name != "rows" else found == expected
        assert np.shape(found) == np.shape(expected)
    queries = state.vectors[:3]
    for found, expected in zip(
        state.search.search(queries, 4), anew.search.search(queries, 4), strict=True
    ):
        np.testing.assert_array_equal(found, expected, strict=True)


def test_after_every_change_a_state_knows_its_own_entries(tmp_path):
    engine = toy_engine()
    index = engine.index
    changes = [
        lambda: engine.add([Category("gift card", examples=["a voucher for my mother"])]),
        lambda: engine.rename("gift card", "voucher"),
        lambda: engine.correct("the voucher does not work", "voucher"),
        lambda: engine.merge(["voucher"], "refund request"),
        lambda: engine.remove("login problem"),
        lambda: engine.add_out_of_scope(["what a lovely day"]),
        lambda: engine.set_threshold(0.3),
        lambda: engine.save(tmp_path / "index", private=True),
        lambda: index.commit(Index.load(tmp_path / "index").state),
        lambda: engine.remove(*engine.index.labels[1:]),
    ]
    for change in changes:
        assert_knows_its_entries(index.state)
        before = index.state
        change()
        assert index.state is not before
        assert_knows_its_entries(index.state)


def test_a_change_that_leaves_the_categories_alone_searches_as_before(tmp_path):
    engine = toy_engine()
    before = engine.index.state.search
    engine.set_threshold(0.3)
    engine.add_out_of_scope(["what a lovely day"])
    engine.remove_out_of_scope("what a lovely day")
    engine.save(tmp_path / "index", private=True)
    assert engine.index.state.search is before
    engine.remove("login problem")
    assert engine.index.state.search is not before


def test_saving_makes_no_vectors_anew(tmp_path, monkeypatch):
    index, published = toy_engine().index, []
    held = index.state.vectors, index.state.key_vectors
    monkeypatch.setattr(store, "publish", lambda folder, state, **_: published.append(state) or 1)
    index.save(tmp_path / "index")
    assert (published[0].vectors is held[0], published[0].key_vectors is held[1]) == (True, True)


def test_rows_are_scaled_to_the_same_bits_in_blocks(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(50, 33)).astype(np.float32)
    expected = unit_rows(rows)
    monkeypatch.setattr(arrays, "_BLOCK", 7)
    assert unit_rows(rows).tobytes() == expected.tobytes()
    assert unit_rows(rows[:0]).shape == (0, 33)


def test_threads_are_for_many_queries_on_many_rows(rows, monkeypatch):
    import faiss

    used, search_rows = [], faiss.IndexFlatIP.search
    search, small = FaissSearch(rows), FaissSearch(rows[:1000])

    def noted(index, *args):
        used.append(faiss.omp_get_max_threads())
        return search_rows(index, *args)

    def searches():
        faiss.omp_set_num_threads(2)
        for which, n_queries in ((search, 1), (search, 15), (small, 256), (search, 256)):
            which.search(np.repeat(rows[:1], n_queries, axis=0), 1)

    monkeypatch.setattr(faiss.IndexFlatIP, "search", noted)
    in_a_thread(searches)
    assert used == [1, 1, 1, 2]


@pytest.mark.parametrize("fails", [False, True])
def test_a_small_search_leaves_the_threads_of_its_caller_as_they_were(rows, monkeypatch, fails):
    import faiss

    def search():
        faiss.omp_set_num_threads(3)
        small = FaissSearch(rows[:10])
        if fails:
            monkeypatch.setattr(small, "_index", None)
            with pytest.raises(AttributeError):
                small.search(rows[:1], 1)
        else:
            small.search(rows[:1], 1)
        after = faiss.omp_get_max_threads()
        FaissSearch(rows[:20]).search(rows[:1], 1)  # another index on the same thread
        return after, faiss.omp_get_max_threads()

    assert in_a_thread(search) == (3, 3)


def in_a_thread(function):
    """Return what the function gives in a thread of its own, whose OpenMP setting goes with it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()
