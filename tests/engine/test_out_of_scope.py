"""Texts that are known to fit no category: what is nearer to one of them is unknown."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

from textshot import Category, Engine, Example, FunctionEncoder, Prediction, evaluate
from textshot.errors import EncoderError, InvalidCategoriesError, InvalidTextsError
from textshot.networks import NETWORKS
from textshot.testing import HashingEncoder, toy_categories, toy_engine

TEXT = "my parcel has not come yet"  # the example of "late parcel"
FOREIGN = ["the parcel shelf of my car", "out of office until Monday", "the weather"]
TEXTS = [
    *FOREIGN,
    *(c.examples[0].text for c in toy_categories()),
    *(f"{c.name} {word}" for c in toy_categories() for word in ("parcel", "office", "my car")),
    "",
    "the parcel shelf of my old car",
]


def labels_of(engine, texts, **options):
    return [p.label for p in engine.classify(texts, **options)]


def texts_of(engine):
    nothing = engine.index.state.out_of_scope
    return [] if nothing is None else [e.text for e in nothing.examples]


@pytest.fixture
def pencil(compass):
    """East and west are categories, and north fits none."""
    engine = Engine.build([Category("0"), Category("180")], encoder=compass, threshold=0.0)
    engine.add_out_of_scope(["90"])
    return engine


@pytest.fixture
def toy():
    engine = toy_engine(threshold=0.25)
    engine.add_out_of_scope(FOREIGN)
    return engine


# When a text is unknown


@pytest.mark.parametrize(
    ("degrees", "label"),
    [
        (90, None),
        (50, None),
        (47.2, None),  # sin 47.2 - cos 47.2 = 0.0543
        (46.8, "0"),  # sin 46.8 - cos 46.8 = 0.0444
        (45, "0"),  # as near to the one as to the other
        (0, "0"),
        (132.8, None),
        (133.2, "180"),
        (180, "180"),
    ],
)
def test_a_text_is_unknown_where_an_out_of_scope_text_is_nearer_by_a_twentieth(
    pencil, degrees, label
):
    [found] = pencil.classify([str(degrees)])
    assert (found.label, found.labels) == (label, (label,) if label else ())
    east_or_west = abs(np.cos(np.radians(degrees)))
    assert found.score == pytest.approx(east_or_west, abs=1e-6)


@pytest.mark.parametrize(("degrees", "label"), [("24.1", "0"), ("24.3", None)])
def test_what_is_out_of_scope_may_be_near_to_a_category(compass, degrees, label):
    """Of 0 and 40 degrees: 2 sin 20 sin (q - 20) is 0.05 at q = 24.19."""
    engine = Engine.build([Category("0"), Category("180")], encoder=compass, threshold=0.0)
    engine.add_out_of_scope(["40"])
    assert labels_of(engine, [degrees]) == [label]


def test_the_very_text_is_unknown_even_where_it_is_the_very_category(compass):
    engine = Engine.build([Category("0"), Category("180")], encoder=compass, threshold=0.0)
    engine.add_out_of_scope(["0"])
    [found] = engine.classify(["0"])
    assert (found.label, found.score) == (None, pytest.approx(1.0, abs=1e-6))
    # Beside it the category is as near as it is, and is not beaten by a twentieth.
    assert labels_of(engine, ["2", "358", "30"]) == ["0", "0", "0"]


def test_near_to_a_category_only_the_very_text_is_unknown(compass):
    """Nobody can be ahead of 0.9986 by a twentieth, and one degree from the text is not it."""
    engine = Engine.build([Category("0"), Category("180")], encoder=compass, threshold=0.0)
    engine.add_out_of_scope(["4"])
    assert labels_of(engine, ["3", "4", "5"]) == ["0", None, "0"]


def test_each_is_read_on_its_own_and_not_their_mean(compass):
    engine = Engine.build([Category("0"), Category("180")], encoder=compass, threshold=-1.0)
    engine.add_out_of_scope(["60", "300"])  # their mean lies at 0 degrees
    assert labels_of(engine, ["0", "60", "300", "180"]) == ["0", None, None, "180"]


def test_the_threshold_holds_as_before(pencil):
    pencil.set_threshold(0.9)
    assert labels_of(pencil, ["20", "30", "90"]) == ["0", None, None]
    assert labels_of(pencil, ["40", "50"], threshold=0.5) == ["0", None]
    assert pencil.classify(["90"])[0].threshold == pytest.approx(0.9)


def test_abstaining_that_is_switched_off_stays_off(pencil):
    assert labels_of(pencil, ["89", "91"], threshold=None) == ["0", "180"]
    pencil.set_threshold(None)
    assert labels_of(pencil, ["89", "91"]) == ["0", "180"]
    assert pencil.correct("89", None).label == "0"
    assert pencil.classify(["89"])[0].threshold is None


def test_vectors_of_ones_own_are_answered_alike(pencil, compass):
    texts = ["0", "46.8", "47.2", "90", "250"]
    assert pencil.classify_vectors(compass.encode(texts)) == pencil.classify(texts)


def test_scores_threshold_and_matches_stay_as_they_were(toy):
    before = toy_engine(threshold=0.25)
    assert np.array_equal(toy.scores(TEXTS), before.scores(TEXTS))
    assert toy.decision == before.decision
    old, new = before.classify(TEXTS), toy.classify(TEXTS)
    assert [p.matches for p in new] == [p.matches for p in old]
    assert [p.margin for p in new] == [p.margin for p in old]
    changed = [(o.label, n.label) for o, n in zip(old, new, strict=True) if o.label != n.label]
    assert changed
    assert all(n is None for _, n in changed)


def test_a_derived_threshold_does_not_move():
    engine = toy_engine(threshold="auto")
    before = engine.decision
    engine.add_out_of_scope(FOREIGN)
    engine.remove_out_of_scope(FOREIGN[0])
    assert engine.decision == before
    assert not before.stale


def test_probabilities_are_those_that_were_tuned():
    engine = toy_engine(threshold=0.25)
    texts = [f"{c.examples[0].text} {i}" for c in toy_categories() for i in range(8)]
    engine.tune(texts, [c.name for c in toy_categories() for _ in range(8)])
    before = engine.probabilities(TEXTS)
    engine.add_out_of_scope(FOREIGN)
    assert engine.calibrated
    assert np.array_equal(engine.probabilities(TEXTS), before)


def test_without_categories_everything_is_unknown_and_what_is_out_of_scope_is_kept(pencil):
    pencil.remove("0", "180")
    assert labels_of(pencil, ["0", "90"]) == [None, None]
    pencil.add([Category("0")])
    assert labels_of(pencil, ["0", "90"]) == ["0", None]


def test_an_evaluation_counts_them_as_it_counts_every_unknown(toy):
    truths = [None, "", "unknown", "late parcel"]
    found = evaluate(toy, [*FOREIGN, TEXT], truths, learned="include")
    assert (found.unknown_recall, found.accuracy) == (1.0, 1.0)


# A text is answered for itself


def test_a_text_has_the_same_answer_alone_and_among_others(toy):
    together = toy.classify(TEXTS)
    assert [toy.classify([text])[0] for text in TEXTS] == together
    assert toy.classify(TEXTS[::-1])[::-1] == together
    assert toy.classify(TEXTS, batch_size=1) == together
    many = toy.classify(TEXTS * 30)  # more than are read at once
    assert many == together * 30
    assert {p.label for p in together} > {None, "late parcel"}


def test_a_text_has_the_same_answer_however_much_is_compared_at_once(toy, monkeypatch):
    together = toy.classify(TEXTS)
    for budget in (1, 7, 10):
        monkeypatch.setattr("textshot.engine.predict._BUDGET", budget)
        assert toy.classify(TEXTS) == together


def test_in_which_order_they_came_makes_no_difference(toy):
    other = toy_engine(threshold=0.25)
    for text in FOREIGN[::-1]:
        other.add_out_of_scope([text])
    assert other.classify(TEXTS) == toy.classify(TEXTS)


@pytest.mark.parametrize("private", [False, True])
def test_the_answers_are_the_same_after_save_and_load(toy, tmp_path, private):
    toy.correct("my password, on Saturday", None)
    toy.save(tmp_path / "index", private=private)
    loaded = Engine.load(tmp_path / "index")
    texts = [*TEXTS, "my password, on Saturday"]
    assert labels_of(loaded, texts) == labels_of(toy, texts)
    assert np.array_equal(loaded.scores(texts), toy.scores(texts))
    assert texts_of(loaded) == ([None] * 4 if private else texts_of(toy))


def test_a_copy_in_another_process_answers_alike(toy):
    copy = pickle.loads(pickle.dumps(toy))
    assert copy.classify(TEXTS) == toy.classify(TEXTS)
    copy.add_out_of_scope(["one more"])
    assert (len(texts_of(copy)), len(texts_of(toy))) == (4, 3)
    index = pickle.loads(pickle.dumps(toy.index))
    assert index.state.out_of_scope.examples == toy.index.state.out_of_scope.examples


# Adding and removing


def test_what_is_added_twice_is_there_once(pencil):
    pencil.add_out_of_scope(["90", "100", "100"])
    pencil.add_out_of_scope(["100"])
    assert sorted(texts_of(pencil)) == ["100", "90"]
    assert len(pencil.index.state.out_of_scope.vectors) == 2


def test_a_source_is_kept_and_that_of_the_newest_holds(toy):
    toy.add_out_of_scope(["a letter"], source="import")
    assert toy.index.state.out_of_scope.examples[-1] == Example("a letter", "import")
    toy.correct("a letter", None)
    toy.correct(FOREIGN[0], None)
    assert set(toy.index.state.out_of_scope.examples) == {
        Example("a letter", "correction"),
        Example(FOREIGN[0], "correction"),
        Example(FOREIGN[1]),
        Example(FOREIGN[2]),
    }


def test_removed_it_is_gone_and_the_answers_are_those_of_before(toy):
    for text in FOREIGN:
        toy.remove_out_of_scope(text)
    assert toy.index.state.out_of_scope is None
    assert toy.classify(TEXTS) == toy_engine(threshold=0.25).classify(TEXTS)


def test_removing_one_leaves_the_others(pencil):
    pencil.add_out_of_scope(["270"])
    pencil.remove_out_of_scope("90")
    assert labels_of(pencil, ["89", "270"]) == ["0", None]


def test_none_added_changes_nothing():
    engine = toy_engine()
    before = engine.index.state
    engine.add_out_of_scope([])
    assert engine.index.state is before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda e: e.remove_out_of_scope("x"),
            InvalidTextsError,
            r"is none of the texts .* \(3 of",
        ),
        (lambda e: e.remove_out_of_scope(TEXT), InvalidTextsError, "known to fit no category"),
        (lambda e: e.remove_out_of_scope(None), InvalidTextsError, "is missing"),
        (
            lambda e: e.add_out_of_scope(["a", " \n"]),
            InvalidTextsError,
            "1 of 2 out-of-scope texts are empty",
        ),
        (lambda e: e.add_out_of_scope([""]), InvalidTextsError, "such a text is unknown by itself"),
        (lambda e: e.add_out_of_scope("abc"), TypeError, "give a list"),
        (lambda e: e.add_out_of_scope(["a", None]), InvalidTextsError, "text 1 is missing"),
        (lambda e: e.correct(" ", None), InvalidTextsError, "1 of 1 out-of-scope texts are empty"),
        (lambda e: e.correct("a", 5), InvalidTextsError, "label 0 is of type int, not a string"),
        (
            lambda e: e.correct_all(["a", ""], ["late parcel", None]),
            InvalidTextsError,
            "1 of 1 out-of-scope texts are empty",
        ),
        (
            lambda e: e.correct_all(["a", "b"], [None, "x"]),
            InvalidCategoriesError,
            "no category 'x' among the 5",
        ),
        (lambda e: e.correct_all(["a", "b"], [None]), InvalidTextsError, "2 texts but 1 labels"),
        (lambda e: e.correct_all(["a"], "unknown"), TypeError, "labels is one str; give a list"),
        (lambda e: e.add_example("unknown", "a"), InvalidCategoriesError, "no category 'unknown'"),
    ],
)
def test_what_cannot_be_learnt_or_forgotten_is_refused_and_changes_nothing(
    toy, change, error, message
):
    before = toy.index.state
    with pytest.raises(error, match=message):
        change(toy)
    assert toy.index.state is before


def test_removing_where_there_are_none_says_so():
    with pytest.raises(InvalidTextsError, match=r"no category \(0 of them\)"):
        toy_engine().remove_out_of_scope("x")


def test_an_encoder_that_fails_changes_nothing():
    def once(texts):
        if "fails" in texts:
            raise EncoderError("fails")
        return HashingEncoder().encode(texts)

    engine = Engine.build(toy_categories(), encoder=FunctionEncoder(once, name="once"))
    before = engine.index.state
    for change in (
        lambda: engine.add_out_of_scope(["a", "fails"]),
        lambda: engine.correct_all(["a", "fails"], ["late parcel", None]),
    ):
        with pytest.raises(EncoderError, match="fails"):
            change()
        assert engine.index.state is before


# Corrections

ENCODERS = {
    "hashing": HashingEncoder(64),
    "far from each other": FunctionEncoder(
        lambda texts: [
            np.random.default_rng(int.from_bytes(t.encode()[:40], "big")).standard_normal(24)
            for t in texts
        ],
        name="at random",
    ),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_newest_correction_holds_to_and_fro(encoder, network):
    engine = Engine.build(
        toy_categories(), encoder=ENCODERS[encoder], network=network, threshold=-1.0
    )
    for label in (None, "late parcel", None, "opening hours", "late parcel", None):
        found = engine.correct(TEXT, label)
        assert isinstance(found, Prediction)
        assert found.label == label
        assert engine.classify([TEXT]) == [found]
        assert texts_of(engine) == ([TEXT] if label is None else [])


@pytest.mark.parametrize("label", [None, "unknown", "", " Unknown ", "UNKNOWN\n"])
def test_the_word_unknown_and_an_empty_one_are_as_none(label):
    engine = toy_engine(threshold=0.25)
    assert engine.correct(TEXT, label).label is None
    assert engine.index.state.out_of_scope.examples == (Example(TEXT, "correction"),)
    assert engine.correct_all(["a", TEXT], ["late parcel", label])[1].label is None


@pytest.mark.parametrize(
    ("labels", "last"),
    [
        ([None, "late parcel"], "late parcel"),
        (["late parcel", None], None),
        ([None, "late parcel", None], None),
        (["late parcel", None, "opening hours"], "opening hours"),
        ([None, "opening hours", None, None, "late parcel"], "late parcel"),
    ],
)
@pytest.mark.parametrize("there_before", [False, True])
def test_of_one_text_several_times_in_one_call_the_last_holds(labels, last, there_before):
    engine = toy_engine(threshold=0.25)
    if there_before:
        engine.add_out_of_scope([TEXT])
    found = engine.correct_all([TEXT] * len(labels), labels)
    assert [p.label for p in found] == [last] * len(labels)
    assert labels_of(engine, [TEXT]) == [last]
    assert texts_of(engine) == ([TEXT] if last is None else [])


def test_together_is_one_after_another():
    texts = [*TEXTS[:10], *TEXTS[4:8]]
    names = [c.name for c in toy_categories()]
    labels = [None if i % 3 == 0 else names[i % 5] for i in range(len(texts))]
    together, single = toy_engine(threshold=0.25), toy_engine(threshold=0.25)
    found = together.correct_all(texts, labels)
    for text, label in zip(texts, labels, strict=True):
        single.correct(text, label)
    assert found == together.classify(texts)
    assert together.categories == single.categories
    assert set(texts_of(together)) == set(texts_of(single))
    assert together.classify(TEXTS) == single.classify(TEXTS)


def test_a_correction_to_none_takes_nothing_away(toy):
    before = toy.categories
    toy.correct(TEXT, None)
    assert toy.categories == before
    # forgotten again, the text is what it was
    toy.remove_out_of_scope(TEXT)
    assert labels_of(toy, [TEXT]) == ["late parcel"]


def test_a_correction_to_a_category_forgets_no_other_text(toy):
    assert toy.correct(FOREIGN[0], "late parcel").label == "late parcel"
    assert texts_of(toy) == FOREIGN[1:]
    assert labels_of(toy, FOREIGN[1:]) == [None, None]


def test_corrections_hold_after_a_reload(tmp_path):
    engine = toy_engine(threshold=0.25)
    engine.correct_all([TEXT, "zzz", "qqq"], [None, "late parcel", None])
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index")
    assert labels_of(loaded, [TEXT, "zzz", "qqq"]) == [None, "late parcel", None]
    assert loaded.correct(TEXT, "opening hours").label == "opening hours"
    assert loaded.correct("zzz", None).label is None
    loaded.save(tmp_path / "index")
    again = Engine.load(tmp_path / "index")
    assert labels_of(again, [TEXT, "zzz", "qqq"]) == ["opening hours", None, None]


@pytest.mark.parametrize("again", ["where is it?", "Where is it? ", "WHERE IS IT"])
def test_a_correction_holds_though_what_is_all_but_the_same_fitted_nothing_before(again):
    """To the encoder these are one text; among categories the newest of such two holds."""
    engine = toy_engine(threshold=0.25)
    engine.correct("Where is it?", None)
    assert engine.correct(again, "late parcel").label == "late parcel"


def private_again(tmp_path):
    """An engine that knows that TEXT fits nothing, and not what it says."""
    engine = toy_engine(threshold=0.25)
    engine.correct(TEXT, None)
    engine.save(tmp_path / "index", private=True)
    return Engine.load(tmp_path / "index")


def test_a_private_index_takes_and_forgets_texts_that_it_was_told_since(tmp_path):
    engine = private_again(tmp_path)
    engine.add_out_of_scope(["the weather"])
    assert texts_of(engine) == [None, "the weather"]
    assert engine.correct("the weather", "late parcel").label == "late parcel"
    assert texts_of(engine) == [None]
    assert labels_of(engine, [TEXT]) == [None]


def test_in_a_private_index_a_correction_to_a_category_holds_after_one_to_none(tmp_path):
    engine = private_again(tmp_path)
    assert engine.correct(TEXT, "late parcel").label == "late parcel"


def test_a_private_index_knows_a_text_that_is_out_of_scope_again_by_its_vector(tmp_path):
    engine = private_again(tmp_path)
    engine.add_out_of_scope([TEXT])
    assert len(texts_of(engine)) == 1


# What keeps them

CHANGES = {
    "add": lambda e: e.add([Category("200")]),
    "remove": lambda e: e.remove("180"),
    "rename": lambda e: e.rename("180", "170"),
    "merge": lambda e: e.merge(["180"], "0"),
    "replace": lambda e: e.replace(Category("180", examples=["160"])),
    "add_example": lambda e: e.add_example("180", "160"),
    "correct": lambda e: e.correct("200", "180"),
    "set_threshold": lambda e: e.set_threshold("auto", unknown_rate=0.1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_categories_keeps_them(pencil, change):
    before = pencil.index.state.out_of_scope
    CHANGES[change](pencil)
    assert pencil.index.state.out_of_scope is before
    assert labels_of(pencil, ["90"], threshold=-1.0) == [None]


def test_an_adapted_engine_keeps_them_and_takes_no_more(pencil):
    texts = [str(angle) for angle in (*range(5, 35), *range(160, 190))]
    adapted = pencil.adapted(texts)
    assert adapted.index.state.adaptation.reason == ""
    assert not np.array_equal(adapted.index.state.vectors, pencil.index.state.vectors)
    assert adapted.index.state.out_of_scope is pencil.index.state.out_of_scope
    assert labels_of(adapted, ["90", "10"]) == [None, "0"]
    assert labels_of(pencil, ["90", *texts])[0] is None
    for change in (
        lambda: adapted.add_out_of_scope(["1"]),
        lambda: adapted.remove_out_of_scope("90"),
        lambda: adapted.correct("1", None),
    ):
        with pytest.raises(InvalidCategoriesError, match="adapted to a batch of texts, for one"):
            change()


def test_reading_from_threads_goes_on_beside_changes():
    engine = toy_engine(threshold=0.25)
    texts = [TEXT, FOREIGN[0]]
    right = {("late parcel", "late parcel"), ("late parcel", None)}
    assert labels_of(engine, texts) == ["late parcel", "late parcel"]
    stop, wrong = threading.Event(), []

    def reading():
        while not stop.is_set():
            try:
                found = tuple(labels_of(engine, texts))
                if found not in right:
                    wrong.append(found)
            except Exception as error:  # whatever it is, the test has to see it
                wrong.append(error)

    threads = [threading.Thread(target=reading) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(30):
        engine.add_out_of_scope([FOREIGN[0], f"office {i}", "an office"])
        engine.remove_out_of_scope(f"office {i}")
        engine.remove_out_of_scope(FOREIGN[0])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert texts_of(engine) == ["an office"]


def test_additions_from_several_threads_are_not_lost():
    engine = toy_engine(threshold=0.25)

    def add(first):
        for i in range(first, first + 25):
            engine.add_out_of_scope([f"text {i}"])

    threads = [threading.Thread(target=add, args=(n * 25,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts_of(engine)) == sorted(f"text {i}" for i in range(100))
    assert labels_of(engine, [f"text {i}" for i in range(100)]) == [None] * 100
