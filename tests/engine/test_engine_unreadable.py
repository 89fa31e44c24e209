"""Texts that say nothing to the encoder are unknown, by every way, whatever was corrected."""

import logging
import random

import numpy as np
import pytest

from textshot import Category, Engine, OneShotClassifier, categorize_frame, evaluate
from textshot.errors import InvalidCategoriesError, InvalidTextsError

CATEGORIES = {
    "refund request": ["I want my money back for the broken kettle"],
    "late parcel": ["My parcel has not arrived yet"],
    "login problem": ["I cannot sign in to my account"],
    "praise": ["You are great, thank you so much"],
    "other": ["I have a different question"],
}
ALPHABETS = {
    "emoji": [*range(0x1F600, 0x1F650), *range(0x1F300, 0x1F5FF), 0x20, 0xFE0F],
    "Thai": [*range(0x0E01, 0x0E2F), *range(0x0E30, 0x0E3A), 0x20],
    "Amharic": [*range(0x1200, 0x1248), 0x20],
    "Lao": [*range(0x0E94, 0x0E98), *range(0x0E99, 0x0EA0), 0x20],
    "zero-width": [0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD, 0x3164, 0x2800, 0xA0],
}
MIXED = ["👍", "ดีมาก", "እንዴት", "ສະບາຍ", "\u200b", "!", "12", "…"]
NOTHING = ["👍", "ดีมาก", "እንዴት ነህ", "\u200b"]


def foreign_texts(kind, n=200):
    rng = random.Random(kind)
    if kind == "mixed":
        return ["👎 " + " ".join(rng.choices(MIXED, k=rng.randint(1, 8))) for _ in range(n)]
    characters = [chr(code) for code in ALPHABETS[kind]]
    return ["".join(rng.choices(characters, k=rng.randint(1, 40))) for _ in range(n)]


@pytest.fixture
def engine(real_encoder):
    return Engine.build(CATEGORIES, encoder=real_encoder)


@pytest.mark.parametrize("kind", [*ALPHABETS, "mixed"])
def test_hardly_any_foreign_text_gets_a_category_after_one_is_corrected(engine, kind):
    engine.correct("👍", "other")
    predictions = engine.classify(foreign_texts(kind), k=1)
    assert sum(p.label is not None for p in predictions) <= 0.01 * len(predictions)
    assert sum(p.unknown_because == "unreadable" for p in predictions) >= 0.9 * len(predictions)


def test_english_texts_with_emoji_keep_their_answers(engine):
    texts = [text for texts in CATEGORIES.values() for text in texts]
    before = [p.label for p in engine.classify(texts)]
    assert None not in before
    engine.correct("👍", "other")
    assert [p.label for p in engine.classify([f"{text} 👍 🎉" for text in texts])] == before


def test_a_correction_of_such_a_text_is_not_learned(engine, caplog):
    before = engine.index.state
    prediction = engine.correct("👍", "other")
    assert (prediction.label, prediction.unknown_because) == (None, "unreadable")
    assert engine.index.state is before
    assert "1 of 1 texts say nothing to the encoder all-MiniLM-L6-v2" in caplog.text
    assert "👍" not in caplog.text
    _, right = engine.correct_all(["👍", "where is the lift"], ["other", "other"])
    assert right.label == "other"
    assert [e.text for e in engine.category("other").examples][1:] == ["where is the lift"]
    engine.correct("ดีมาก", None)
    assert engine.out_of_scope == ()


def test_examples_that_say_nothing_are_kept_and_reported(real_encoder, caplog):
    made = Engine.build(CATEGORIES | {"other": ["👍", "ask"]}, encoder=real_encoder)
    assert "1 of 6 examples say nothing" in caplog.text
    assert "(in 'other')" in caplog.text
    [finding] = [f for f in made.check() if f.kind == "unreadable"]
    assert (finding.label, finding.text) == ("other", "👍")
    caplog.clear()
    made.add_examples(["ดีมาก", "thanks"], ["praise", "praise"])
    assert "1 of 2 examples say nothing" in caplog.text
    caplog.clear()
    made.replace(Category("praise", examples=["great"]))
    assert not caplog.records


def test_a_category_of_which_nothing_can_be_read_is_refused(real_encoder):
    with pytest.raises(InvalidCategoriesError, match=r"'c1': the encoder .* knows no word"):
        Engine.build({"c1": ["👍"], "c2": ["hi"]}, encoder=real_encoder, use_names=False)
    made = Engine.build(CATEGORIES, encoder=real_encoder)
    with pytest.raises(InvalidCategoriesError, match=r"'ดีมาก': the encoder .* knows no word"):
        made.add([Category("ดีมาก", examples=["ສະບາຍ"])])


def test_blank_examples_are_refused_whatever_they_are_blank_with(engine):
    with pytest.raises(InvalidCategoriesError, match="has an empty example"):
        engine.correct("\u200b", "other")
    with pytest.raises(InvalidTextsError, match="1 of 1 out-of-scope texts are empty"):
        engine.correct("\u2060\ufeff", None)
    with pytest.raises(InvalidCategoriesError, match="has an empty example"):
        engine.add_example("other", "\u3164")


def test_every_way_says_unknown(engine):
    engine.add_examples(["👍"], ["other"])
    texts = [*NOTHING, "I want my money back"]
    expected = [None] * len(NOTHING) + ["refund request"]
    vectors, mask = engine.encoder.encode(texts), engine.unreadable(texts)
    assert mask.tolist() == [label is None for label in expected]
    assert [p.label for p in engine.classify(texts)] == expected
    assert [p.label for p in engine.classify_vectors(vectors, blank=mask)] == expected
    assert [p.label for p in engine.classify_held_out(texts)] == expected
    assert engine.predict_arrays(texts).in_scope.tolist() == (~mask).tolist()
    assert engine.predict_arrays(texts).unreadable.tolist() == mask.tolist()
    assert evaluate(engine, texts, expected).accuracy_answered == 1.0
    assert engine.suggest(texts) == texts[-1:]
    assert engine.truncation_stats(texts).n_unreadable == len(NOTHING)
    reasons = ["the encoder knows no word of the text"] * 3 + ["the text says nothing"]
    for text, reason in zip(NOTHING, reasons, strict=True):
        explanation = engine.explain(text)
        assert (explanation.prediction.label, explanation.words) == (None, ())
        assert explanation.reason == reason


def test_a_frame_says_unknown(engine):
    pandas = pytest.importorskip("pandas")
    frame = categorize_frame(pandas.DataFrame({"text": ["👍", "\u200b", "my money back"]}), engine)
    assert frame["label"].isna().tolist() == [False, True, False]
    assert frame["label"][0] == "unknown"
    assert frame["label"][2] == "refund request"


def test_a_classifier_warns_and_says_unknown(real_encoder, caplog):
    X = ["money back please", "parcel is late", "👍"]
    classifier = OneShotClassifier(real_encoder).fit(X, ["refund", "parcel", "parcel"])
    assert "1 of 3 examples say nothing" in caplog.text
    caplog.clear()
    classifier.partial_fit(["ดีมาก", "you are great"], ["praise", "praise"])
    assert "1 of 2 examples say nothing" in caplog.text
    assert classifier.predict(["👍", "\u200b", "ສະບາຍ"]).tolist() == ["unknown"] * 3


def test_probabilities_of_such_a_text_are_zero(engine):
    texts = [f"{word} number {i}" for i in range(8) for word in CATEGORIES]
    engine.tune(texts, [word for _ in range(8) for word in CATEGORIES])
    assert not engine.probabilities(["👍", "\u200b"]).any()
    assert engine.probabilities(["my money"]).sum() == pytest.approx(1)
    engine.set_threshold(None)
    [prediction] = engine.classify(["👍"])
    assert prediction.label is not None, "abstaining is off"


def test_adaptation_and_calibration_leave_such_texts_out(engine):
    texts = [f"where is my parcel number {i}" for i in range(80)]
    with_emoji = engine.adapted([*texts, *foreign_texts("emoji", 50)])
    assert with_emoji.info.adaptation.n_texts == 80
    np.testing.assert_array_equal(
        with_emoji.index.state.vectors, engine.adapted(texts).index.state.vectors
    )
    with pytest.raises(InvalidTextsError, match="29 labelled texts fit a category"):
        engine.tune([*texts[:29], "👍"], ["late parcel"] * 29 + ["other"])


def test_the_log_is_the_only_place_of_the_warning(engine, caplog):
    with caplog.at_level(logging.WARNING, "textshot"):
        engine.add_example("other", "👍")
    [record] = caplog.records
    assert record.name == "textshot.engine.unreadable"
