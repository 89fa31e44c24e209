"""The batch job that adapts: once, on the whole input, whatever its order."""

import csv
import io
import os
import random
import sys
import threading
from pathlib import Path

import pytest

from textshot.batch import categorize
from textshot.io import Format
from textshot.scoring.transduction import MAX_TEXTS
from textshot.testing import toy_engine

WORDS = ("money", "back", "refund", "parcel", "late", "courier", "password", "login", "apply")


def texts_of(n, seed=0):
    rng = random.Random(seed)
    return [f"{' '.join(rng.sample(WORDS, 3))} please {i}" for i in range(n)]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def engine():
    return toy_engine(threshold=0.1)


def written(path, texts):
    Path(path).write_text("text\n" + "".join(f"{t}\n" for t in texts), encoding="utf-8")
    return path


def answers(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return {row["text"]: (row["label"], row["score"]) for row in csv.DictReader(file)}


def run(engine, source, target, **options):
    return categorize(engine, source, target, rejects="bad.csv", adapt=True, **options)


def test_labels_are_the_same_whatever_the_order_of_the_rows(engine):
    texts = texts_of(300)
    report = run(engine, written("in.csv", texts), "out.csv")
    assert (report.adaptation.n_texts, report.adaptation.reason) == (300, "")
    assert report.written == 300
    random.Random(1).shuffle(texts)
    run(engine, written("mixed.csv", texts), "mixed-out.csv")
    assert answers("mixed-out.csv") == answers("out.csv")


def test_parts_get_the_answers_of_the_whole_by_one_adapted_engine(engine):
    texts = texts_of(300)
    run(engine, written("in.csv", texts), "out.csv")
    moved, found = engine.adapted(texts), {}
    for part in range(3):
        source = written(f"part-{part}.csv", texts[part::3])
        categorize(moved, source, f"out-{part}.csv", rejects="bad.csv")
        found |= answers(f"out-{part}.csv")
    assert found == answers("out.csv")


def test_python_says_the_same(engine):
    texts = texts_of(200)
    run(engine, written("in.csv", texts), "out.csv")
    expected = engine.classify(texts, adapt=True)
    assert list(answers("out.csv").values()) == [
        (p.label or "unknown", str(round(p.score, 6))) for p in expected
    ]


def test_few_rows_are_categorised_as_ever(engine):
    report = run(engine, written("in.csv", texts_of(20)), "out.csv")
    assert report.adaptation.reason == "20 different texts are too few (50 are needed)"
    categorize(engine, "in.csv", "plain.csv", rejects="bad.csv")
    assert Path("out.csv").read_bytes() == Path("plain.csv").read_bytes()


def test_bad_rows_do_not_count_and_are_rejected_once(engine):
    good = texts_of(60)
    Path("in.csv").write_text("id,text\n" + "".join(f"1,{t}\n" for t in good) + "2,,2\n3,  \n")
    report = run(engine, "in.csv", "out.csv")
    assert report.adaptation.n_texts == 60
    assert (report.read, report.written, report.rejected) == (62, 60, 2)
    assert len(Path("bad.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("header", ["text\n", ""], ids=["csv", "txt"])
def test_a_pipe_with_a_name_loses_no_row(engine, header):
    texts = texts_of(600)
    os.mkfifo("pipe")
    data = header + "".join(f"{t}\n" for t in texts)
    writer = threading.Thread(target=Path("pipe").write_text, args=(data,), daemon=True)
    writer.start()
    kind = Format.CSV if header else Format.TEXT
    report = run(engine, "pipe", "out.csv", input_format=kind)
    writer.join()
    assert report.from_stream
    assert (report.read, report.written, report.adaptation.n_texts) == (600, 600, 600)
    assert answers("out.csv").keys() == set(texts)


def test_of_a_tuned_index_the_column_stays_and_is_empty():
    tuned, texts = toy_engine(), texts_of(100)
    tuned.tune(texts, [p.label for p in tuned.classify(texts)])
    run(tuned, written("in.csv", texts), "out.csv")
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        assert {row["probability"] for row in csv.DictReader(file)} == {""}


def test_of_standard_input_it_is_the_beginning(engine, monkeypatch):
    texts = texts_of(2 * MAX_TEXTS + 500)
    data = io.BytesIO("".join(f"{t}\n" for t in texts).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    report = run(engine, "-", "out.csv", input_format=Format.TEXT)
    assert report.written == len(texts)
    assert report.adaptation.n_texts == MAX_TEXTS
    # Batches are read whole, so it is a sample of a little more than the first 5,000.
    assert answers("out.csv").keys() == set(texts)
