"""Categories change at any time, and the threshold follows them."""

from __future__ import annotations

import numpy as np
import pytest

from textshot import Category, Engine, FunctionEncoder, KeyKind
from textshot.errors import EncoderMismatchError, InvalidCategoriesError, InvalidTextsError
from textshot.testing import HashingEncoder, toy_categories, toy_engine

FIVE = ["0", "40", "90", "180", "270"]


def cosine(degrees):
    return pytest.approx(np.cos(np.radians(degrees)), abs=1e-6)


@pytest.fixture
def engine(compass):
    """Six directions, threshold derived."""
    categories = [Category(name) for name in FIVE] + [Category("220", examples=["225"])]
    return Engine.build(categories, encoder=compass)


CHANGES = {
    "add": lambda e: e.add([Category("130"), Category("135", examples=["136"])]),
    "remove": lambda e: e.remove("40"),
    "rename": lambda e: e.rename("180", "170"),
    "merge": lambda e: e.merge(["220"], "180"),
    "replace": lambda e: e.replace(Category("180", examples=["160"])),
    "add_example": lambda e: e.add_example("180", "160"),
    "replace_example": lambda e: e.replace_example("220", "225", "235"),
    "remove_example": lambda e: e.remove_example("220", "225"),
    "correct": lambda e: e.correct("200", "220"),
}


def built_again(engine):
    """An engine made at once from what the other has become."""
    return Engine.build(engine.categories, encoder=engine.encoder)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_derives_the_threshold_again(engine, change):
    before = engine.decision
    CHANGES[change](engine)
    assert engine.decision != before
    assert not engine.decision.stale
    assert engine.decision.n_way == len(engine.categories)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_engine_answers_as_one_that_was_built_so(engine, change):
    CHANGES[change](engine)
    texts = [str(angle) for angle in range(0, 360, 11)]
    again = built_again(engine)
    assert engine.decision == again.decision
    assert engine.classify(texts) == again.classify(texts)


@pytest.mark.parametrize("change", CHANGES)
def test_a_given_threshold_stays_through_every_change(engine, change):
    engine.set_threshold(0.875)
    CHANGES[change](engine)
    assert engine.decision.threshold == 0.875
    assert engine.decision.method == "given"
    assert not engine.decision.stale


@pytest.mark.parametrize("change", CHANGES)
def test_never_abstaining_stays_through_every_change(engine, change):
    engine.set_threshold(None)
    CHANGES[change](engine)
    assert engine.decision.threshold is None
    assert engine.classify(["310"])[0].label is not None


@pytest.mark.parametrize("change", CHANGES)
def test_the_keys_of_the_others_stay_bit_for_bit(engine, change):
    before = {e.category.name: e.vectors.tobytes() for e in engine.index.state.entries}
    CHANGES[change](engine)
    after = {e.category.name: e.vectors.tobytes() for e in engine.index.state.entries}
    assert all(after[name] == before[name] for name in ("0", "90", "270"))


def test_auto_derives_the_threshold_again(engine):
    derived = engine.decision
    engine.set_threshold(0.5)
    engine.set_threshold("auto")
    assert engine.decision == derived


def test_falling_below_five_categories_makes_the_threshold_a_guess(engine):
    engine.remove("220")
    assert not engine.decision.guess
    engine.remove("180")
    assert engine.decision.guess
    assert engine.decision.method == "background sentences, 95 %"
    engine.add([Category("180")])
    assert not engine.decision.guess


def test_all_categories_can_go_and_come_back(engine):
    engine.remove(*engine.index.labels)
    assert engine.classify(["0"], threshold=None)[0].label is None
    engine.add([Category("0")])
    assert engine.classify(["0"])[0].label == "0"


def test_a_correction_changes_the_next_answer():
    engine = toy_engine()
    text = "money for the parcel that has not come"
    assert engine.classify([text])[0].label == "late parcel"
    engine.correct(text, "refund request")
    [after] = engine.classify([text])
    assert after.label == "refund request"
    assert after.matches[0].key.kind is KeyKind.EXAMPLE
    assert (after.matches[0].key.text, after.matches[0].key.source) == (text, "correction")


def test_a_correction_survives_save_and_load(tmp_path):
    engine = toy_engine()
    text = "money for the parcel that has not come"
    engine.correct(text, "refund request")
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index")
    assert loaded.classify([text]) == engine.classify([text])
    sources = [e.source for e in loaded.index.state.entry("refund request").category.examples]
    assert sources == ["example", "correction"]


def test_the_same_correction_twice_counts_once(engine):
    engine.correct("50", "40")
    once = engine.index.state.vectors.copy()
    engine.correct("50", "40")
    assert np.array_equal(engine.index.state.vectors, once)
    assert [e.text for e in engine.index.state.entry("40").category.examples] == ["50"]


def test_an_example_can_be_taken_back(engine):
    before = engine.classify(["43"], threshold=None)
    engine.correct("80", "40")
    assert engine.classify(["43"], threshold=None) != before
    engine.remove_example("40", "80")
    assert engine.classify(["43"], threshold=None) == before


def test_a_renamed_category_is_found_under_its_new_name_and_meaning(engine):
    engine.rename("270", "300")
    [found] = engine.classify(["300"])
    assert (found.label, found.score) == ("300", cosine(0))


def test_with_names_left_out_a_new_name_means_nothing(compass):
    engine = Engine.build(
        [Category("c1", examples=["0"]), Category("c2", examples=["90"])], encoder=compass
    )
    opaque = Engine.build(engine.categories, encoder=compass, use_names=False)
    opaque.rename("c1", "180")
    [found] = opaque.classify(["0"])
    assert (found.label, found.score) == ("180", cosine(0))


def test_merging_keeps_the_name_of_one_and_the_examples_of_all(engine):
    engine.merge(["220", "40"], "0")
    assert engine.index.labels == ("0", "180", "270", "90")
    assert [e.text for e in engine.index.state.entry("0").category.examples] == ["225"]


def test_what_is_not_there_is_named_with_what_may_be_meant(engine):
    message = "no category '22' among the 6 of this index; did you mean '220'"
    for change in (
        lambda: engine.remove("22"),
        lambda: engine.rename("22", "23"),
        lambda: engine.merge(["22"], "0"),
        lambda: engine.merge(["0"], "22"),
        lambda: engine.add_example("22", "5"),
        lambda: engine.remove_example("22", "5"),
        lambda: engine.replace_example("22", "5", "6"),
        lambda: engine.correct("5", "22"),
        lambda: engine.replace(Category("22")),
    ):
        with pytest.raises(InvalidCategoriesError, match=message):
            change()


def test_what_is_there_already_is_not_added_or_renamed_over(engine):
    with pytest.raises(InvalidCategoriesError, match="category '40' is there already"):
        engine.add([Category("50"), Category("40")])
    with pytest.raises(InvalidCategoriesError, match="category '40' is there already"):
        engine.rename("0", "40")
    with pytest.raises(InvalidCategoriesError, match="'50' is given twice"):
        engine.add([Category("50"), Category("50")])
    with pytest.raises(InvalidCategoriesError, match="no such example among its 1"):
        engine.remove_example("220", "226")


@pytest.mark.parametrize("name", ["unknown", " Unknown ", "", "a\nb"])
def test_a_name_that_no_category_can_have_is_refused(engine, name):
    with pytest.raises(InvalidCategoriesError, match="category"):
        engine.rename("0", name)


def test_a_change_that_failed_changed_nothing(engine):
    before = engine.index.state
    with pytest.raises(InvalidCategoriesError, match="is there already"):
        engine.add([Category("50"), Category("40")])
    with pytest.raises(InvalidCategoriesError, match="no category 'x'"):
        engine.remove("0", "x")
    with pytest.raises(InvalidTextsError, match="threshold is 7"):
        engine.set_threshold(7)
    with pytest.raises(InvalidCategoriesError, match="point in opposite directions"):
        engine.add_example("0", "180")
    assert engine.index.state is before


def test_adding_a_known_example_to_a_private_index_does_not_double_it(tmp_path):
    toy_engine().save(tmp_path / "index", private=True)
    engine = Engine.load(tmp_path / "index")
    before = engine.index.state.entry("late parcel").vectors
    engine.correct("my parcel has not come yet", "late parcel")
    assert len(engine.index.state.entry("late parcel").keys) == len(before)
    np.testing.assert_allclose(engine.index.state.entry("late parcel").vectors, before, atol=1e-6)


def test_a_private_index_cannot_be_made_public(tmp_path):
    toy_engine().save(tmp_path / "index", private=True)
    with pytest.raises(InvalidCategoriesError, match="its texts are not there any more"):
        Engine.load(tmp_path / "index").save(tmp_path / "index", private=False)


def test_one_string_is_not_taken_for_many_names():
    with pytest.raises(TypeError, match="give a list"):
        toy_engine().merge("late parcel", "refund request")


def test_a_lazy_engine_removes_without_its_encoder_and_keeps_the_threshold_as_stale(tmp_path):
    encoder = FunctionEncoder(HashingEncoder().encode, name="mine")
    Engine.build(toy_categories(), encoder=encoder).save(tmp_path / "index")
    engine = Engine.load(tmp_path / "index", lazy=True)
    before = engine.decision
    engine.remove("late parcel", "login problem")  # fewer than five: the background is needed
    assert (engine.decision.threshold, engine.decision.stale) == (before.threshold, True)
    with pytest.raises(EncoderMismatchError, match="made with your own embeddings 'mine'"):
        engine.classify(["text"])
