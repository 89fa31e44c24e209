"""The same answer in every interface: 160 texts, the real encoder, scores to 1e-5."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from textshot import Category, Engine, OneShotClassifier
from textshot.cli import main
from textshot.io.categories import read_categories

SUPPORT = Path(__file__).parents[2] / "examples" / "support"
N = 160
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def texts():
    rows = []
    for name in ("labelled.csv", "inbox.csv"):
        with (SUPPORT / name).open(encoding="utf-8", newline="") as file:
            rows += [row["text"] for row in csv.DictReader(file)]
    step = len(rows) // N
    assert step > 0
    return rows[: step * N : step]


@pytest.fixture(scope="module")
def engine(real_encoder):
    return Engine.build(read_categories(SUPPORT / "categories.csv"), encoder=real_encoder)


@pytest.fixture(scope="module")
def answers(engine, texts):
    predictions = engine.classify(texts)
    assert len({p.label for p in predictions}) > 15  # no test of one answer
    assert 0 < sum(p.label is None for p in predictions) < N
    return predictions


@pytest.fixture(scope="module")
def saved(engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("same") / "index"
    engine.save(folder)
    return folder


def assert_same(answers, expected, tolerance=TOLERANCE):
    assert [p.label for p in answers] == [p.label for p in expected]
    for figure in ("score", "margin"):
        np.testing.assert_allclose(
            [getattr(p, figure) for p in answers],
            [getattr(p, figure) for p in expected],
            rtol=0,
            atol=tolerance,
        )
    assert [[m.label for m in p.matches] for p in answers] == [
        [m.label for m in p.matches] for p in expected
    ]


def test_shuffled(engine, texts, answers):
    order = np.random.default_rng(0).permutation(N)
    shuffled = engine.classify([texts[i] for i in order])
    assert_same([shuffled[i] for i in np.argsort(order)], answers)


def test_each_alone(engine, texts, answers):
    assert_same([engine.classify([text])[0] for text in texts], answers)


def test_saved_and_reloaded(saved, real_encoder, texts, answers):
    assert_same(Engine.load(saved, encoder=real_encoder).classify(texts), answers)


def test_the_classifier_of_scikit_learn(engine, real_encoder, texts):
    bare = [  # a classifier takes no descriptions
        Category(c.name, examples=[*(e.text for e in c.examples)]) for c in engine.categories
    ]
    expected = Engine.build(bare, encoder=real_encoder).classify(texts, batch_size=64)
    fitted = OneShotClassifier(real_encoder).fit(
        {c.name: [e.text for e in c.examples] for c in bare}
    )
    assert list(fitted.predict(texts)) == [p.label or "unknown" for p in expected]
    np.testing.assert_allclose(
        fitted.decision_function(texts).max(axis=1),
        [p.score for p in expected],
        rtol=0,
        atol=TOLERANCE,
    )


def test_the_command_line_in_a_process_of_its_own(saved, texts, answers):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    command = [sys.executable, "-m", "textshot", "classify", str(saved), "--json"]
    done = subprocess.run(
        [*command, "--format", "jsonl", "--device", "cpu"],
        input=lines.encode(),
        capture_output=True,
        check=True,
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr == b""
    assert [f["text"] for f in records] == texts
    assert [f["label"] for f in records] == [p.label for p in answers]
    for figure in ("score", "margin"):
        np.testing.assert_allclose(
            [f[figure] for f in records],
            [getattr(p, figure) for p in answers],
            rtol=0,
            atol=TOLERANCE,
        )


def test_the_columns_of_a_categorised_file(saved, texts, answers, tmp_path):
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    command = ["categorize", str(saved), str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.csv")]
    result = CliRunner().invoke(main, [*command, "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [p.label or "unknown" for p in answers]
    for figure in ("score", "margin"):  # written with 6 decimals
        np.testing.assert_allclose(
            [float(row[figure]) for row in rows],
            [getattr(p, figure) for p in answers],
            rtol=0,
            atol=TOLERANCE,
        )
