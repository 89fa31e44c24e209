"""With corrections a search brings the candidates: the answers are those of scoring everything."""

import numpy as np
import pytest

from textshot._arrays import unit_rows
from textshot.engine import predict
from textshot.engine.editing import add_categories
from textshot.engine.example_editing import add_examples
from textshot.index import State
from textshot.types import Category, Example


def corrected(seed, n=300, n_corrections=3, dim=8):
    """A state with doubled prototypes, thresholds of its own and corrections that disagree."""
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng.normal(size=(n, dim)))
    vectors[n // 2 :] = vectors[: n - n // 2]
    thresholds = rng.choice([None, 0.3, 0.9], n)
    categories = [Category(f"c{i:04d}", threshold=t) for i, t in enumerate(thresholds)]
    state = add_categories(State.empty(dim), categories, vectors)
    texts = unit_rows(rng.normal(size=(n_corrections, dim)))
    texts[-1] = texts[0]  # the same text, corrected twice
    owners = rng.choice(n, n_corrections, replace=False)
    pairs = [
        (f"c{owner:04d}", Example(f"text {i}", "correction", i + 1))
        for i, owner in enumerate(owners)
    ]
    queries = unit_rows(np.concatenate([rng.normal(size=(200, dim)), texts, vectors[:20]]))
    return add_examples(state, pairs, texts), queries


@pytest.mark.parametrize("search", ["faiss", "numpy"])
@pytest.mark.parametrize("k", [1, 2, 5, 9, 300])
@pytest.mark.parametrize(("seed", "n_corrections"), [(0, 2), (1, 40), (2, 300)])
def test_the_best_are_those_of_all_scores(seed, n_corrections, k, search, monkeypatch):
    monkeypatch.setenv("TEXTSHOT_SEARCH", search)
    state, queries = corrected(seed, n_corrections=n_corrections)
    blank = np.zeros(len(queries), bool)
    quick = predict.answer(state, queries, k, "auto", blank)
    scores = predict.score(state, queries)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = np.take_along_axis(scores, rows, axis=1)
    expected[expected >= 1 - predict.SCORE_TOLERANCE] = 1.0
    np.testing.assert_array_equal(quick.rows, rows)
    np.testing.assert_array_equal(quick.scores, expected)
    assert quick.in_scope.tolist() == (expected[:, 0] >= quick.thresholds).tolist()


def test_categories_without_a_correction_are_searched():
    state, _ = corrected(0)
    assert state.scores_prototypes
    assert not state.by_search
    assert len(state.uncorrected_rows) == 297
