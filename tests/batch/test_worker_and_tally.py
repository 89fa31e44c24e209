"""The worker answers as `classify` does, wherever it runs; tallies of parts add up."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from job_files import text_of

from textshot import Category, Engine
from textshot.batch.tally import BINS, CLOSE_MARGIN, Tally, count
from textshot.batch.worker import Worker
from textshot.testing import HashingEncoder, toy_engine


@pytest.fixture(scope="module")
def engine():
    return toy_engine(threshold=0.25)


def tally_of(worker, data, n_rejected):
    return count(worker, worker.answer(data), n_rejected)


def batch_of(texts):
    return pa.RecordBatch.from_pydict({"text": texts})


def worker_of(engine, **options):
    return Worker.for_columns(engine, ["text"], ["text"], **options)


def test_answers_are_those_of_classify(engine):
    texts = [text_of(i) for i in range(500)]
    found = worker_of(engine)(batch_of(texts)).to_pydict()
    predictions = engine.classify(texts)
    assert found["label"] == [p.label or "unknown" for p in predictions]
    assert found["score"] == [round(p.score, 6) for p in predictions]
    assert found["margin"] == [round(p.margin, 6) for p in predictions]


def test_a_batch_in_other_parts_and_another_order_has_the_same_answers(engine):
    texts, worker = [text_of(i) for i in range(300)], worker_of(engine)
    whole = worker(batch_of(texts)).to_pylist()
    parts = [
        row for i in range(0, 300, 7) for row in worker(batch_of(texts[i : i + 7])).to_pylist()
    ]
    assert parts == whole
    assert worker(batch_of(texts[::-1])).to_pylist() == whole[::-1]


def test_a_worker_travels(engine):
    worker, batch = worker_of(engine), batch_of([text_of(i) for i in range(50)])
    there = pickle.loads(pickle.dumps(worker))
    assert there(batch).equals(worker(batch))


def test_no_rows_and_no_categories():
    empty = Engine.build([], encoder=HashingEncoder())
    found = worker_of(empty)(batch_of(["a", "b"])).to_pydict()
    assert (found["label"], found["score"]) == (["unknown"] * 2, [-1.0] * 2)
    assert (
        worker_of(toy_engine())(batch_of([]).cast(pa.schema({"text": pa.string()}))).num_rows == 0
    )


def test_one_category_has_no_second():
    one = Engine.build([Category("parcel")], encoder=HashingEncoder(), threshold=None)
    answered = worker_of(one).answer(batch_of(["my parcel"]))
    assert answered.runners_up.tolist() == [-1]
    tally = tally_of(worker_of(one), batch_of(["my parcel"]), 0)
    assert (tally.counts, tally.pairs) == ({"parcel": 1}, [])


def test_probabilities_come_with_a_tuned_engine(engine):
    tuned = toy_engine(threshold=0.25)
    texts = ["my money back", "my parcel has not come", "password wrong", "open on Saturday"] * 10
    labels = ["refund request", "late parcel", "login problem", "opening hours"] * 10
    tuned.tune(texts, labels)
    found = worker_of(tuned)(batch_of(texts[:4])).to_pydict()
    assert found["probability"] == [
        p.probability and round(p.probability, 6) for p in tuned.classify(texts[:4])
    ]
    assert "probability" not in worker_of(engine).schema(pa.schema({"text": pa.string()})).names


def test_the_tally_of_parts_is_that_of_the_whole(engine):
    worker, texts = worker_of(engine), [text_of(i) for i in range(400)]
    whole = tally_of(worker, batch_of(texts), 5)
    joined = Tally()
    for i in range(0, 400, 30):
        joined += tally_of(worker, batch_of(texts[i : i + 30]), 5 * (i == 30))
    assert {k: round(v, 9) for k, v in joined.sums.items()} == {
        k: round(v, 9) for k, v in whole.sums.items()
    }
    assert replace(joined, sums={}) == replace(whole, sums={})


def test_a_tally_counts_what_classify_says(engine):
    texts = [text_of(i) for i in range(400)]
    tally = tally_of(worker_of(engine), batch_of(texts), 3)
    found = engine.classify(texts, k=2)
    labels = [p.label or "unknown" for p in found]
    assert (tally.read, tally.written, tally.rejected) == (403, 400, 3)
    assert tally.counts == {label: labels.count(label) for label in set(labels)}
    close = [label for label, p in zip(labels, found, strict=True) if p.margin < CLOSE_MARGIN]
    assert tally.close == {label: close.count(label) for label in set(close)}
    assert sum(tally.margins) == sum(map(sum, tally.scores.values())) == 400
    assert sum(tally.scores["unknown"]) == labels.count("unknown")
    scores = np.array([p.score for p in found if p.label])
    expected = np.histogram(scores, BINS, (-1, 1))[0]
    assert np.abs(np.array(tally.scores["known"]) - expected).sum() <= 2  # edges of bins
    for label, (score, text) in tally.nearest.items():
        mine = [p.score for name, p in zip(labels, found, strict=True) if name == label]
        assert score == round(max(mine), 6)
        assert texts[[p.score for p in found].index(max(mine))] == text


def test_a_tally_comes_back_from_json(engine):
    import json

    tally = tally_of(worker_of(engine), batch_of([text_of(i) for i in range(100)]), 1)
    assert Tally.from_dict(json.loads(json.dumps(tally.to_dict()))) == tally
