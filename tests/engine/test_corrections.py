"""A correction changes the very next answer, stays, and takes nothing away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from textshot import Category, Engine, Example, FunctionEncoder, KeyKind, Prediction
from textshot.errors import EncoderError, InvalidCategoriesError, InvalidTextsError
from textshot.io.categories import read_categories, read_labelled_texts
from textshot.networks import NETWORKS
from textshot.testing import HashingEncoder, toy_categories, toy_engine

WORDS = "my parcel money back log in password shop open Saturday apply job late lost card"
N = 100


def random_texts(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return [f"{' '.join(rng.choice(WORDS.split(), 5))} {i}" for i in range(n)]


def at_random(texts):
    """A vector for each text that says nothing about it."""
    seeds = [int.from_bytes(text.encode()[:40], "big") % 2**63 for text in texts]
    return np.stack([np.random.default_rng(seed).standard_normal(24) for seed in seeds])


ENCODERS = {
    "hashing": HashingEncoder(64),
    "random": FunctionEncoder(at_random, name="at random"),
}


@pytest.fixture(params=ENCODERS)
def encoder(request):
    return ENCODERS[request.param]


@pytest.fixture(params=NETWORKS)
def network(request):
    return request.param


def build(encoder, network=None, **options):
    return Engine.build(toy_categories(), encoder=encoder, network=network, **options)


def other_labels(engine, texts, seed=1):
    """For each text a category that is not the answer."""
    rng = np.random.default_rng(seed)
    return [
        str(rng.choice([name for name in engine.index.labels if name != p.label]))
        for p in engine.classify(texts, threshold=None)
    ]


def labels_of(engine, texts):
    return [p.label for p in engine.classify(texts)]


@pytest.mark.parametrize("threshold", ["auto", None, 1.0])
def test_each_of_100_corrections_changes_the_very_next_answer(encoder, network, threshold):
    engine = build(encoder, network, threshold=threshold)
    texts = random_texts(N if network != "linear" else 20)
    for text, label in zip(texts, other_labels(engine, texts), strict=True):
        found = engine.correct(text, label)
        assert isinstance(found, Prediction)
        assert found.label == label
        assert found.score == pytest.approx(1.0, abs=1e-6)
        [after] = engine.classify([text])
        assert after.label == label
        assert (after.matches[0].key.kind, after.matches[0].key.text) == (KeyKind.EXAMPLE, text)
        assert after.matches[0].key.source == "correction"


def test_earlier_corrections_hold_when_later_ones_come(encoder, network):
    engine = build(encoder, network)
    texts = random_texts()
    labels = other_labels(engine, texts)
    found = engine.correct_all(texts, labels)
    assert [p.label for p in found] == labels
    assert labels_of(engine, texts) == labels
    assert found == engine.classify(texts)


def test_together_is_one_after_another(encoder):
    texts = random_texts(30)
    labels = other_labels(build(encoder), texts)
    together, single = build(encoder), build(encoder)
    together.correct_all(texts, labels)
    for text, label in zip(texts, labels, strict=True):
        single.correct(text, label)
    assert together.categories == single.categories
    assert together.decision == single.decision
    assert together.classify(texts) == single.classify(texts)


def test_the_newest_of_two_corrections_of_one_text_holds(encoder, network):
    engine = build(encoder, network)
    for label in ("late parcel", "opening hours", "job application", "late parcel"):
        assert engine.correct("where is it", label).label == label
        assert labels_of(engine, ["where is it"]) == [label]
    # nothing is evicted: the older ones are still examples of their categories
    for label in ("late parcel", "opening hours", "job application"):
        texts = [e.text for e in engine.index.state.entry(label).category.examples]
        assert texts.count("where is it") == 1
    assert labels_of(engine, ["where is it"]) == ["late parcel"]


def test_of_the_same_text_twice_in_one_call_the_last_holds(encoder):
    engine = build(encoder)
    found = engine.correct_all(["where", "where"], ["late parcel", "opening hours"])
    assert [p.label for p in found] == ["opening hours"] * 2


@pytest.mark.parametrize("names", [True, False])
def test_a_text_that_is_another_categorys_only_example_goes_where_it_is_corrected_to(
    encoder, network, names
):
    engine = build(encoder, network, use_names=names)
    text = "my parcel has not come yet"
    assert engine.correct(text, "opening hours").label == "opening hours"
    assert labels_of(engine, [text]) == ["opening hours"]
    assert [e.text for e in engine.index.state.entry("late parcel").category.examples] == [text]
    # and back again: the example that was there is now the newest
    assert engine.correct(text, "late parcel").label == "late parcel"
    assert labels_of(engine, [text]) == ["late parcel"]


def test_a_text_that_is_another_categorys_name_goes_where_it_is_corrected_to(encoder, network):
    engine = Engine.build(
        [Category(c.name) for c in toy_categories()], encoder=encoder, network=network
    )
    assert engine.correct("late parcel", "opening hours").label == "opening hours"


def test_corrections_are_numbered_over_the_whole_index():
    engine = toy_engine()
    engine.correct("one", "late parcel")
    engine.correct_all(["two", "three"], ["opening hours", "late parcel"])
    engine.correct("one", "late parcel")
    written = {e.text: e.correction_order for c in engine.categories for e in c.examples}
    assert (written["two"], written["three"], written["one"]) == (2, 3, 4)
    assert written["my parcel has not come yet"] == 0
    engine.remove("late parcel", "opening hours")
    assert engine.correct("four", "refund request").matches[0].key.correction_order == 1


def test_far_from_a_correction_no_answer_changes(compass):
    engine = Engine.build([Category(n) for n in ("0", "90", "180", "270")], encoder=compass)
    before = engine.scores(["180", "270"])
    engine.correct("80", "0")
    after = engine.scores(["180", "270"])
    others = [1, 2, 3]  # labels 180, 270, 90: no keys of theirs changed
    np.testing.assert_allclose(after[:, others], before[:, others], atol=1e-6)
    # a slot falls twice as fast as a cosine: 20 degrees away it scores 1 - 2 (1 - cos 20)
    column = engine.index.labels.index("0")
    slot = 1 - 2 * (1 - np.cos(np.radians(20)))
    assert engine.scores(["100"])[0, column] == pytest.approx(slot, abs=1e-6)


@pytest.mark.parametrize("private", [False, True])
def test_corrections_are_there_after_a_reload_and_in_a_second_process(tmp_path, private, network):
    engine = build("hashing", network, private=private)
    texts = random_texts()
    labels = other_labels(engine, texts)
    engine.correct_all(texts, labels)
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index")
    assert labels_of(loaded, texts) == labels
    stored = b"".join(p.read_bytes() for p in (tmp_path / "index").iterdir())
    assert (texts[0].encode() in stored) is not private
    # on top of what was loaded, other labels for the same texts
    changed = [loaded.index.labels[loaded.index.labels.index(name) - 1] for name in labels]
    assert [p.label for p in loaded.correct_all(texts, changed)] == changed
    loaded.save(tmp_path / "index")
    assert labels_of(Engine.load(tmp_path / "index"), texts) == changed
    command = [sys.executable, "-m", "textshot", "classify", str(tmp_path / "index"), "--json"]
    done = subprocess.run(
        [*command, "--encoder", "hashing"],
        input="\n".join(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == changed


def test_a_private_index_knows_a_text_again_by_its_vector(tmp_path):
    engine = build("hashing", private=True)
    engine.correct("where is it", "late parcel")
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index")
    loaded.correct("where is it", "opening hours")
    loaded.correct("where is it", "late parcel")
    assert labels_of(loaded, ["where is it"]) == ["late parcel"]
    assert len(loaded.index.state.entry("late parcel").category.examples) == 2


def test_a_correction_given_again_as_an_example_stays_a_correction():
    engine = toy_engine()
    engine.correct("where is it", "late parcel")
    engine.add_example("late parcel", "where is it")
    [example] = [
        e for e in engine.index.state.entry("late parcel").category.examples if e.correction_order
    ]
    assert example == Example("where is it", "correction", 1)


@pytest.mark.parametrize("into", ["late parcel", "opening hours"])
def test_a_merge_keeps_the_newest_of_a_text(into):
    engine = toy_engine()
    engine.correct("where is it", "late parcel")
    engine.correct("where is it", "opening hours")
    engine.correct("where is it", "refund request")
    names = ["late parcel", "opening hours"]
    engine.merge(names, into)
    [example] = [e for e in engine.index.state.entry(into).category.examples if e.correction_order]
    assert example.correction_order == 2
    assert labels_of(engine, ["where is it"]) == ["refund request"]


def test_taken_back_a_correction_is_gone(encoder):
    engine = build(encoder)
    texts = random_texts(10)
    before = engine.classify(texts)
    engine.correct(texts[0], other_labels(engine, texts)[0])
    assert engine.classify(texts) != before
    for category in engine.categories:
        if any(e.text == texts[0] for e in category.examples):
            engine.remove_example(category.name, texts[0])
    assert engine.classify(texts) == before


def test_corrections_of_the_first_release_are_plain_examples():
    categories = [
        Category("a", examples=(Example("money", "correction"),)),
        Category("b", examples=["parcel"]),
    ]
    plain = [Category("a", examples=["money"]), Category("b", examples=["parcel"])]
    found, expected = (
        Engine.build(c, encoder=HashingEncoder(), threshold=None).classify(["money for it"])[0]
        for c in (categories, plain)
    )
    assert found.score == expected.score


@pytest.mark.parametrize(
    ("texts", "labels", "error", "message"),
    [
        (["a", "b"], ["late parcel"], InvalidTextsError, "2 texts but 1 labels: give one each"),
        (["a"], "late parcel", TypeError, "labels is one str; give a list"),
        (["a", " "], ["late parcel"] * 2, InvalidCategoriesError, "has an empty example"),
        (["a", "b"], ["late parcel", "x"], InvalidCategoriesError, "no category 'x'"),
        (["a", None], ["late parcel"] * 2, InvalidTextsError, "text 1 is missing"),
        ("ab", ["late parcel"] * 2, TypeError, "give a list"),
    ],
)
def test_what_cannot_be_learnt_is_refused_and_changes_nothing(texts, labels, error, message):
    engine = toy_engine()
    before = engine.index.state
    with pytest.raises(error, match=message):
        engine.correct_all(texts, labels)
    assert engine.index.state is before


def test_an_encoder_that_fails_changes_nothing():
    def once(texts):
        if "fails" in texts:
            raise EncoderError("fails")
        return HashingEncoder().encode(texts)

    engine = Engine.build(toy_categories(), encoder=FunctionEncoder(once, name="once"))
    before = engine.index.state
    with pytest.raises(EncoderError, match="fails"):
        engine.correct_all(["a", "fails"], ["late parcel"] * 2)
    assert engine.index.state is before


def test_no_corrections_change_nothing():
    engine = toy_engine()
    before = engine.index.state
    assert engine.correct_all([], []) == []
    assert engine.index.state is before


SUPPORT = Path(__file__).parents[2] / "examples" / "support"


class Answers(NamedTuple):
    answered: np.ndarray
    right: np.ndarray


def answers_of(engine, vectors, labels):
    predicted = [p.label for p in engine.classify_vectors(vectors)]
    right = [label == truth for label, truth in zip(predicted, labels, strict=True)]
    return Answers(np.array([label is not None for label in predicted]), np.array(right))


def test_a_right_correction_costs_other_texts_little(real_encoder):
    """200 single corrections of the example set, each made to the index as it was."""
    data = read_labelled_texts(SUPPORT / "labelled.csv")
    texts, labels = zip(
        *((t, truth) for t, truth in zip(data.texts, data.truths, strict=True) if truth),
        strict=True,
    )
    vectors = real_encoder.encode(texts)
    engine = Engine.build(read_categories(SUPPORT / "categories.csv"), encoder=real_encoder)
    before = answers_of(engine, vectors, labels)
    moves, learned = [], 0
    for i in np.random.default_rng(0).permutation(len(texts))[:200]:
        corrected = engine.snapshot()
        corrected.correct(texts[i], labels[i])
        after = answers_of(corrected, vectors, labels)
        learned += after.right[i]
        others = np.arange(len(texts)) != i
        moves.append(
            [
                100 * (after.right[others].mean() - before.right[others].mean()),
                100 * (after.answered[others].mean() - before.answered[others].mean()),
                corrected.decision.threshold - engine.decision.threshold,
            ]
        )
    accuracy, coverage, threshold = np.transpose(moves)
    assert learned == 200
    assert accuracy.mean() >= 0
    assert accuracy.min() >= -1
    assert np.abs(coverage).max() <= 2
    assert np.abs(threshold).max() < 0.005
