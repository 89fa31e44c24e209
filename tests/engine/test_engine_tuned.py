"""Tuning an engine: what is in force, how long, and what is refused."""

import json
import random

import numpy as np
import pytest
from meanwhile import while_encoding

from textshot.engine import Engine
from textshot.errors import IndexFormatError, InvalidTextsError
from textshot.index import Index
from textshot.testing import toy_engine
from textshot.types import Category

WORDS = {
    "refund request": "money back refund charged",
    "late parcel": "parcel late courier arrived",
    "login problem": "login password account locked",
    "opening hours": "open hours closed Sunday",
    "job application": "job apply vacancy cv",
}
NOISE = ("please", "hello", "again", "my", "today", "the")


def labelled(n, n_none=0, seed=0):
    """Make texts of each category in turn, and texts that fit none."""
    rng = random.Random(seed)
    pairs = []
    for i in range(n):
        label = list(WORDS)[i % len(WORDS)]
        words = [rng.choice(WORDS[label].split()), *rng.sample(NOISE, 2), str(rng.random())]
        pairs.append((" ".join(words), label))
    pairs += [(f"weather {rng.choice(NOISE)} {rng.random()}", None) for _ in range(n_none)]
    texts, truths = zip(*pairs, strict=True)
    return list(texts), list(truths)


@pytest.fixture
def engine():
    return toy_engine(threshold="auto")


def test_before_tuning_no_probability_is_claimed(engine):
    assert {p.probability for p in engine.classify(labelled(20, 5)[0])} == {None}


def test_probabilities_mean_what_they_say(engine):
    engine.tune(*labelled(600, 200))
    texts, truths = labelled(2000, 700, seed=1)
    found = engine.classify(texts)
    sure = np.array([p.probability for p in found])
    right = np.array([p.label == t for p, t in zip(found, truths, strict=True)])
    assert ((sure >= 0) & (sure <= 1)).all()
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [
        abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    assert sum(gaps) < 0.1
    assert abs(sure.mean() - right.mean()) < 0.1


def test_the_threshold_is_the_better_one_for_both_sorts(engine):
    texts, truths = labelled(300, 100)

    def value():
        answers = [p.label for p in engine.classify(texts)]
        fitting = [a == t for a, t in zip(answers, truths, strict=True) if t is not None]
        others = [a is None for a, t in zip(answers, truths, strict=True) if t is None]
        return np.mean(fitting) + np.mean(others)

    before = value()
    settings = engine.tune(texts, truths)
    tuned = value()
    assert tuned >= before
    for threshold in np.linspace(-0.5, 1, 61):
        engine.set_threshold(float(threshold))
        assert value() <= tuned + 1e-9
    assert (settings.method, settings.n_texts) == ("tuned on labelled texts", 400)


def test_a_rate_of_unknown_is_kept_on_the_texts_that_fit_none(engine):
    texts, truths = labelled(60, 200)
    engine.tune(texts, truths, unknown_rate=0.9)
    others = [p.label is None for p in engine.classify(texts[60:])]
    assert np.mean(others) == pytest.approx(0.9, abs=0.02)
    assert engine.decision.rate == 0.9


def test_the_whole_rate_lets_none_of_them_through(engine):
    texts, truths = labelled(60, 200)
    engine.tune(texts, truths, unknown_rate=1.0)
    assert {p.label for p in engine.classify(texts[60:])} == {None}
    with pytest.raises(InvalidTextsError, match="9 labelled texts fit no category; a rate"):
        engine.tune(*labelled(60, 9), unknown_rate=1.0)


@pytest.mark.parametrize("threshold", ["auto", 0.2, None])
def test_few_texts_that_fit_none_leave_the_threshold_alone(engine, threshold):
    engine.set_threshold(threshold)
    before = engine.decision
    settings = engine.tune(*labelled(60, 9))
    assert (settings.threshold, settings.unknown) == (before.threshold, None)
    assert (settings.method, settings.guess) == (before.method, before.guess)
    assert engine.calibrated
    # What was derived is derived again, what was given stays; probabilities end either way.
    engine.add([Category("price match", examples=["cheaper elsewhere"])])
    assert not engine.calibrated
    assert engine.decision.method == before.method


def test_who_never_abstains_goes_on_so(engine):
    engine.set_threshold(None)
    settings = engine.tune(*labelled(60, 60))
    assert (settings.threshold, settings.method) == (None, "given")
    assert settings.unknown is not None
    assert all(p.label is not None for p in engine.classify(["zzz", "money back"]))


def test_a_change_while_texts_are_encoded_is_tuned_on(engine):
    """What is scored and what the truths name are of one moment, the later one."""
    texts, truths = labelled(60, 20)
    new = [Category("a new one", examples=["something new"])]
    while_encoding(engine, lambda: engine.add(new))
    engine.tune(texts, truths)
    assert engine.decision.n_way == 6
    assert engine.calibrated
    expected = toy_engine(threshold="auto")
    expected.add(new)
    assert expected.tune(texts, truths) == engine.decision


def test_a_blank_text_is_unknown_without_a_probability(engine):
    engine.tune(*labelled(60, 60))
    [blank, other] = engine.classify(["  ", "weather"])
    assert (blank.label, blank.probability) == (None, None)
    assert other.probability is not None


def test_few_texts_that_fit_none_give_unknown_no_probability(engine):
    engine.tune(*labelled(60, 9))
    found = engine.classify(labelled(20, 20, seed=2)[0])
    assert all((p.probability is None) == (p.label is None) for p in found)


def test_a_change_of_the_categories_ends_probabilities_and_not_the_threshold(engine):
    threshold = engine.tune(*labelled(100, 50)).threshold
    engine.add([Category("price match", examples=["cheaper elsewhere"])])
    assert (engine.decision.threshold, engine.decision.stale) == (threshold, True)
    assert {p.probability for p in engine.classify(["money back"])} == {None}
    engine.tune(*labelled(100, 50))
    assert engine.classify(["money back"])[0].probability is not None
    engine.set_threshold("auto")
    assert engine.decision.method == "leave-one-category-out median"
    assert {p.probability for p in engine.classify(["money back"])} == {None}


def test_saved_is_loaded_and_required_of_the_reader(engine, tmp_path):
    engine.tune(*labelled(100, 50))
    engine.save(tmp_path / "index")
    texts = labelled(40, 20, seed=5)[0]
    assert Engine.load(tmp_path / "index").classify(texts) == engine.classify(texts)
    manifest = json.loads((tmp_path / "index" / "index.json").read_text())
    assert manifest["requires"] == ["calibrated", "decision", "fusion"]
    engine.set_threshold("auto")
    engine.save(tmp_path / "index")
    manifest = json.loads((tmp_path / "index" / "index.json").read_text())
    assert manifest["requires"] == ["fusion"]
    assert set(manifest["decision"]).isdisjoint({"rate", "unknown", "n_texts"})


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"temperature": -1.0}, "temperature -1.0"),
        ({"temperature": 0}, "temperature 0"),
        ({"temperature": 5e-324}, "temperature 5e-324"),
        ({"temperature": None}, "unknown .* with temperature None"),
        ({"unknown": 10**400}, "unknown 1000"),
        ({"unknown": 1e308}, r"unknown 1e\+308"),
        ({"n_texts": -1}, "n_texts -1"),
        ({"rate": 1.5}, "rate 1.5"),
        ({"unknown": "much"}, "unknown 'much'"),
        ({"n_texts": 1.5}, "n_texts 1.5"),
        ({"more": 1}, "decision or encoder is not valid"),
    ],
)
def test_settings_that_cannot_be_are_refused(engine, tmp_path, changed, match):
    from textshot.index.disk.manifest import seal

    engine.tune(*labelled(100, 50))
    engine.save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    manifest = json.loads(path.read_text())
    manifest["decision"] |= changed
    path.write_bytes(seal(manifest))
    with pytest.raises(IndexFormatError, match=match):
        Index.load(tmp_path / "index")


def test_tuned_settings_without_the_requirement_are_refused(engine, tmp_path):
    from textshot.index.disk.manifest import seal

    engine.tune(*labelled(100, 50))
    engine.save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    manifest = json.loads(path.read_text()) | {"requires": ["calibrated", "fusion"]}
    path.write_bytes(seal(manifest))
    with pytest.raises(IndexFormatError, match="requires and decision do not go together"):
        Index.load(tmp_path / "index")


@pytest.mark.parametrize(
    ("texts", "truths", "match"),
    [
        (["a"] * 40, ["late parcel"] * 39, "40 texts but 39 truths"),
        (["a"] * 29, ["late parcel"] * 29, "29 labelled texts fit a category; 30 are needed"),
        (["a"] * 40, ["weather"] * 40, "1 of the truths are no categories of this index: weather"),
    ],
)
def test_what_cannot_be_tuned_on_is_refused(engine, texts, truths, match):
    before = engine.index.state
    with pytest.raises(InvalidTextsError, match=match):
        engine.tune(texts, truths)
    assert engine.index.state is before


def test_the_rate_of_the_categories_own_scores():
    categories = [Category(name, examples=[words]) for name, words in WORDS.items()]
    thresholds = [
        Engine.build(categories, encoder="hashing", unknown_rate=rate).decision.threshold
        for rate in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) > 2
    engine = Engine.build(categories, encoder="hashing", unknown_rate=0.75)
    assert engine.decision.method == "leave-one-category-out 75 %"
    engine.add([Category("price match", examples=["cheaper elsewhere"])])
    assert engine.decision.rate == 0.75  # a change derives it again, at the same rate
    with pytest.raises(InvalidTextsError, match=r"unknown_rate is 1\.5; a share"):
        Engine.build(categories, encoder="hashing", unknown_rate=1.5)
