"""The page of an evaluation: its figures are those of the library, and nothing on it is a trap."""

import re

import numpy as np
import pytest

from textshot import Category, Engine
from textshot.evaluation import evaluate_predictions, predict_in_batches
from textshot.reports import evaluation_page
from textshot.reports.curves import (
    Answers,
    line,
    open_set,
    precision_and_recall,
    reliability,
    risk_and_coverage,
)
from textshot.reports.evaluation import _confusions, _rows

# On the circle; the threshold of 0.8 is 37 degrees.
TEXTS = ["0", "10", "30", "80", "44", "181", "300"]
TRUTHS = ["east", "east", "east", "north", "north", "west", None]


@pytest.fixture
def engine(compass):
    categories = [Category("east"), Category("north"), Category("west")]
    return Engine.build(categories, encoder=compass, threshold=0.8)


@pytest.fixture
def answers(engine):
    return predict_in_batches(engine, TEXTS, 5)


def page(engine, texts=TEXTS, truths=TRUTHS, **others):
    found = predict_in_batches(engine, texts, 5)
    return evaluation_page(
        evaluate_predictions(found, truths),
        texts,
        truths,
        found,
        index="my <index>",
        labelled="l.csv",
        **others,
    )


def test_what_is_shown_is_what_was_found(engine):
    shown = page(engine)
    # right: 0, 10, 30, 80, 181; 44 is nearer to east, and too far from both; 300 fits none
    assert "<h1>83.3 % accuracy</h1>" in shown
    assert (
        "7 labelled texts of <bdi>l.csv</bdi> against the index <bdi>my &lt;index&gt;</bdi>"
        in shown
    )
    assert "threshold 0.800" in shown
    assert "1 of 1 wrong answers, those with the largest margin first" in shown


def test_nothing_is_loaded_and_nothing_runs(engine):
    shown = page(engine)
    assert "default-src 'none'" in shown
    assert "<script" not in shown
    assert not re.search(r"(src|href)=", shown)
    assert page(engine) == shown


def test_texts_are_escaped_and_nothing_in_them_is_hidden(compass):
    engine = Engine.build([Category("east"), Category("<i>west")], encoder=compass, threshold=None)
    shown = page(engine, ["170", "<b>\u202e", "0"], ["east", "east", "<i>west"])
    assert "&lt;i&gt;west" in shown
    assert "<i>west" not in shown
    assert "&lt;b&gt;\\u202e" in shown


def test_a_private_index_shows_no_text_of_its_own(compass, tmp_path):
    made = Engine.build(
        [Category("east", examples=["5"]), Category("west", examples=["175"])],
        encoder=compass,
        private=True,
    )
    made.save(tmp_path / "private")
    private = Engine.load(tmp_path / "private", encoder=compass)
    shown = page(private, ["5", "100"], ["west", "east"])
    assert "example: (private)" in shown


def test_categories_come_the_worst_first(answers):
    rows = _rows(evaluate_predictions(answers, TRUTHS))
    assert [(row.label, row.recall, row.support) for row in rows] == [
        ("north", 50.0, 2),
        ("east", 100.0, 3),
        ("west", 100.0, 1),
    ]
    assert rows[0].low < 50 < rows[0].high


def test_confusions_are_of_the_categories_with_errors_and_unknown(engine):
    texts, truths = (
        ["0", "80", "100", "44", "300", "181"],
        ["north", "north", "east", "north", None, "west"],
    )
    found = predict_in_batches(engine, texts, 5)
    matrix = _confusions(evaluate_predictions(found, truths), truths, found)
    assert matrix.names == ("east", "north", "unknown")
    # 0 of north came out as east, 80 is right, 44 is unknown; 100 of east came out as north
    assert matrix.counts == ((0, 1, 0), (1, 1, 1), (0, 0, 1))
    assert (matrix.largest, matrix.n_left) == (1, 0)
    assert _confusions(evaluate_predictions(found[:0], []), [], []) is None


def test_the_curves_by_hand(answers):
    found = Answers.of(answers, TRUTHS)
    assert found.best_right.tolist() == [True, True, True, True, False, True, False]
    assert found.answered.tolist() == [True, True, True, True, False, True, False]
    panel = precision_and_recall(found)
    # all five answers are right, of six texts that fit
    assert (panel.dots[0].x, panel.dots[0].y) == (83.33, 0.0)
    risk = risk_and_coverage(found)
    assert (risk.dots[0].x, risk.dots[0].y) == (83.33, 100.0)
    assert risk.path.endswith("L100.0,83.33")  # one of six is wrong when all are answered
    strange = open_set(found)
    assert (strange.dots[0].x, strange.dots[0].y) == (0.0, 16.67)
    assert "Area 0.833" in strange.note


def test_what_cannot_be_drawn_says_why(engine, answers):
    found = Answers.of(answers[:6], TRUTHS[:6])
    assert "textshot tune INDEX LABELLED" in reliability(found)
    assert "Label some as unknown" in open_set(found)
    nothing = Answers.of(answers[6:], [None])
    assert "no best category is the true one" in precision_and_recall(nothing)
    assert "no text is in scope" in risk_and_coverage(nothing)
    shown = page(engine, ["300"], [None])
    assert "<h1>- accuracy</h1>" in shown
    assert "None: every answer is right." in shown


def test_reliability_is_the_share_of_right_answers_in_each_bin():
    sure = np.array([0.95, 0.91, 0.45, 0.41, np.nan])
    right = np.array([True, True, True, False, True])
    panel = reliability(Answers(sure, right, right, right, sure, right))
    assert [(dot.x, dot.y) for dot in panel.dots] == [(43.0, 50.0), (93.0, 0.0)]
    assert panel.dots[1].title == "2 answers: probability 93%, right 100%"


def test_a_chart_has_no_more_points_than_can_be_seen():
    x = np.linspace(0, 1, 5001)
    path = line(x, x**2)
    assert path.startswith("M0.0,100.0 L")
    assert path.endswith("L100.0,0.0")
    assert path.count("L") == 299
    assert line([0, 0.5], [1, 0.25]) == "M0.0,0.0 L50.0,75.0"
