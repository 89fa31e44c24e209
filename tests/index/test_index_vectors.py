import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from textshot._arrays import unit_rows
from textshot.errors import InvalidTextsError
from textshot.index.search import FaissSearch, NumpySearch, make_search

SIZES = (0, 1, 2, 5, 1000)
BATCHES = (1, 15, 16, 17, 600)  # FAISS changes its way at 16 queries


def random_rows(n, dim=24, seed=0):
    return unit_rows(np.random.default_rng(seed).normal(size=(n, dim)).reshape(n, dim))


def plain(vectors, queries, k):
    """What a search is: a product and a sort; equal scores in the order of rows."""
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, rows, 1).astype(np.float32), rows


def assert_same(found, expected):
    np.testing.assert_array_equal(found[0], expected[0], strict=True)
    np.testing.assert_array_equal(found[1], expected[1], strict=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("batch", BATCHES)
def test_faiss_equals_numpy_equals_the_sorted_product(size, batch):
    vectors, queries = random_rows(size), random_rows(batch, seed=1)
    faiss, numpy = FaissSearch(vectors), NumpySearch(vectors)
    for k in {1, 3, max(1, size), size + 3}:
        expected = plain(vectors, queries, k)
        assert_same(faiss.search(queries, k), expected)
        assert_same(numpy.search(queries, k), expected)


@pytest.mark.parametrize("engine", ["faiss", "numpy"])
def test_three_rows_by_pencil(at, engine):
    search = make_search(at(0, 20, 90), engine)
    scores, rows = search.search(at(15, 80), 2)
    assert rows.tolist() == [[1, 0], [2, 1]]
    degrees = np.degrees(np.arccos(scores.astype(np.float64)))
    np.testing.assert_allclose(degrees, [[5, 15], [10, 60]], atol=1e-3)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("engine", ["faiss", "numpy"])
@pytest.mark.parametrize("dim", [1, 2, 7, 384])
def test_a_query_alone_gets_the_same_bits_as_in_a_batch(engine, dim):
    search = make_search(random_rows(300, dim), engine)
    queries = random_rows(40, dim, seed=2)
    scores, rows = search.search(queries, 6)
    for batch in (1, 3, 16):
        parts = [search.search(queries[i : i + batch], 6) for i in range(0, 40, batch)]
        assert np.concatenate([s for s, _ in parts]).tobytes() == scores.tobytes()
        assert np.concatenate([r for _, r in parts]).tobytes() == rows.tobytes()


@pytest.mark.parametrize("engine", ["faiss", "numpy"])
def test_forty_identical_rows_come_in_their_order_alone_and_in_a_batch(engine):
    vectors = random_rows(200)
    vectors[50:90] = vectors[50]
    search = make_search(vectors, engine)
    for batch in BATCHES:
        _, rows = search.search(np.repeat(vectors[50:51], batch, axis=0), 10)
        assert (rows == np.arange(50, 60)).all()


@pytest.mark.parametrize("engine", ["faiss", "numpy"])
def test_rows_nearer_than_single_precision_can_tell_are_in_the_right_order(at, engine):
    vectors = at(*np.linspace(30, 30.001, 500)[np.random.default_rng(0).permutation(500)])
    queries = at(0, 10, 30.0005, 60)  # two exact products each: the sum is the same in any order
    assert_same(make_search(vectors, engine).search(queries, 20), plain(vectors, queries, 20))


@pytest.mark.parametrize("engine", ["faiss", "numpy"])
def test_no_queries_give_no_answers(at, engine):
    scores, rows = make_search(at(0, 90), engine).search(np.empty((0, 2), np.float32), 2)
    assert scores.shape == rows.shape == (0, 2)


def test_eight_threads_get_the_answers_of_one():
    search = FaissSearch(random_rows(1000))
    batches = [random_rows(n, seed=n) for n in (1, 2, 15, 16, 17, 100, 513, 600)]
    expected = [search.search(queries, 5) for queries in batches]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            answers = pool.map(lambda queries: search.search(queries, 5), batches)
            for found, one in zip(answers, expected, strict=True):
                assert_same(found, one)


def test_the_variable_chooses_the_engine(at, monkeypatch):
    monkeypatch.delenv("TEXTSHOT_SEARCH", raising=False)
    assert isinstance(make_search(at(0)), FaissSearch)
    monkeypatch.setenv("TEXTSHOT_SEARCH", "")
    assert isinstance(make_search(at(0)), FaissSearch)
    monkeypatch.setenv("TEXTSHOT_SEARCH", "numpy")
    assert isinstance(make_search(at(0)), NumpySearch)
    assert isinstance(make_search(at(0), "faiss"), FaissSearch)


def test_an_unknown_engine_is_refused_with_the_known_ones(at, monkeypatch):
    monkeypatch.setenv("TEXTSHOT_SEARCH", "annoy")
    with pytest.raises(InvalidTextsError, match=r"'annoy' is not known; .* can be faiss or numpy"):
        make_search(at(0))


def test_numpy_search_needs_no_faiss():
    program = (
        "import sys; sys.modules['faiss'] = None\n"
        "from textshot.testing import toy_engine\n"
        "print(toy_engine().classify(['my parcel has not come'])[0].label)\n"
    )
    environment = {**os.environ, "TEXTSHOT_SEARCH": "numpy"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert (done.stdout, done.stderr) == ("late parcel\n", "")


def test_a_large_k_over_many_rows_takes_a_bounded_amount_of_memory():
    code = """
import numpy as np
def peak():  # not ru_maxrss: a child process begins with what its parent had
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
from textshot.index.search import make_search
rows = np.random.default_rng(0).normal(size=(4000, 256)).astype(np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
search = make_search(rows)
search.search(rows[:1], 1)
before = peak()
scores, found = search.search(rows[:300], 10**9)
assert found.shape == (300, 4000) and (np.sort(found) == np.arange(4000)).all()
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 400
