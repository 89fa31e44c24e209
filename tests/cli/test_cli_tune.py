"""textshot tune: labelled texts in, a threshold and probabilities out."""

import csv
import json
import random
from pathlib import Path

import pytest

from textshot import Engine

WORDS = {
    "refund request": "money back refund",
    "late parcel": "parcel late come",
    "login problem": "log in password wrong",
    "opening hours": "shop open Saturday",
    "job application": "apply job advertised",
}


@pytest.fixture
def labelled():
    """A file of 100 texts that fit a category and 30 that fit none."""
    rng, rows = random.Random(0), ["text,label"]
    for i in range(100):
        name = list(WORDS)[i % 5]
        rows.append(f"{' '.join(rng.sample(WORDS[name].split(), 2))} please {i},{name}")
    rows += [f"weather wind rain {i}," for i in range(30)]
    Path("labelled.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return "labelled.csv"


def test_it_says_what_changed_and_keeps_it(run, index, labelled):
    result = run("tune", index, labelled)
    lines = result.stdout.splitlines()
    assert lines[0] == "index: generation 2"
    assert lines[1].startswith("threshold: 0.250 (given) -> 0.")
    assert lines[1].endswith("(tuned on labelled texts)")
    assert lines[2].startswith("on these 130 texts: accuracy ")
    assert "(100 in scope), recall of unknown " in lines[2]
    assert Engine.load(index).calibrated
    assert "(tuned on labelled texts)" in run("info", index).stdout


def test_probabilities_are_shown_from_then_on(run, index, labelled):
    texts = ("money back please", "weather wind")
    assert "probability" not in run("classify", index, *texts).stdout
    run("tune", index, labelled)
    shown = run("classify", index, *texts).stdout.splitlines()
    expected = Engine.load(index).classify(texts)
    assert shown[0].split() == ["label", "score", "margin", "probability", "text"]
    for line, prediction in zip(shown[1:], expected, strict=True):
        assert f"  {prediction.probability:.2f}  " in f"{line}  ".replace("         ", "  ")
    first = json.loads(run("classify", index, *texts, "--json").stdout.splitlines()[0])
    assert first["probability"] == expected[0].probability
    assert "calibration error      " in run("evaluate", index, labelled, "--include-learned").stdout


def test_a_categorised_file_has_a_column_more(run, index, labelled, inbox):
    run("tune", index, labelled)
    run("categorize", index, inbox, "-o", "out.csv")
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "text", "label", "score", "margin", "probability"]
    expected = Engine.load(index).classify([row["text"] for row in rows])
    assert [float(row["probability"]) for row in rows] == [
        round(p.probability, 6) for p in expected
    ]


def test_json_says_the_same_for_a_program(run, index, labelled):
    found = json.loads(run("tune", index, labelled, "--json").stdout)
    settings = Engine.load(index).decision
    assert found["threshold"] == settings.threshold
    assert found["temperature"] == settings.temperature > 0
    assert (found["n_texts"], found["generation"]) == (130, 2)


def test_without_texts_that_fit_none_the_threshold_stays(run, index, labelled):
    lines = Path(labelled).read_text(encoding="utf-8").splitlines()[:101]
    Path("fitting.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = run("tune", index, "fitting.csv")
    assert "threshold: 0.250 (given) -> 0.250 (given)" in result.stdout
    assert "0 out-of-scope texts: too few to calibrate unknown" in result.stderr


def test_without_a_file_the_categories_decide_again(run, index, labelled):
    run("tune", index, labelled)
    result = run("tune", index, "--unknown-rate", "0.8")
    assert result.stdout.splitlines()[1].endswith("(leave-one-category-out 80 %)")
    assert not Engine.load(index).calibrated
    assert "leave-one-category-out median" in run("tune", index).stdout


def test_too_few_texts_are_an_error_and_nothing_changes(run, index):
    Path("few.csv").write_text("text,label\nmoney back,refund request\n", encoding="utf-8")
    result = run("tune", index, "few.csv", code=1)
    assert "1 labelled texts fit a category; 30 are needed" in result.stderr
    assert Engine.load(index).index.generation == 1


def test_options_of_a_file_without_a_file_are_a_mistake(run, index, labelled):
    run("tune", index, labelled)
    assert "there is no LABELLED" in run("tune", index, "--text-column", "text", code=2).stderr
    assert Engine.load(index).calibrated


def test_a_rate_beside_a_threshold_is_a_mistake(run, categories):
    words = ("--threshold", "0.5", "--unknown-rate", "0.9", "--encoder", "hashing")
    result = run("index", categories, "-o", "made", *words, code=2)
    assert "--unknown-rate needs --threshold auto" in result.stderr


def test_with_adapt_probabilities_are_left_out_and_that_is_reported(run, index, labelled):
    run("tune", index, labelled)
    result = run("categorize", index, labelled, "-o", "out.csv", "--adapt")
    assert "probabilities are left out with --adapt: they are calibrated" in result.stderr


@pytest.mark.parametrize("rate", ["1.5", "-0.1", "much", "nan"])
def test_a_rate_is_a_share(run, index, rate):
    assert "--unknown-rate" in run("tune", index, "--unknown-rate", rate, code=2).stderr


def test_an_index_can_be_made_at_a_rate(run, categories):
    run("index", categories, "-o", "strict", "--encoder", "hashing", "--unknown-rate", "0.9")
    run("index", categories, "-o", "plain", "--encoder", "hashing")
    strict, plain = Engine.load("strict").decision, Engine.load("plain").decision
    assert strict.threshold > plain.threshold
    assert strict.rate == 0.9
