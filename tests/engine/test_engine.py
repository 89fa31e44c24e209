"""Build and classify: directions on a circle, so that every score is a cosine from a table."""

from __future__ import annotations

import threading
from itertools import permutations

import numpy as np
import pytest
from edits import EditedIndex

from textshot import Category, Engine, Example, KeyKind, PrecomputedEncoder
from textshot.errors import (
    EncoderError,
    EncoderMismatchError,
    InvalidCategoriesError,
    InvalidTextsError,
)
from textshot.testing import HashingEncoder, toy_categories, toy_engine

FIVE = ["0", "40", "90", "180", "270"]


def cosine(degrees):
    return pytest.approx(np.cos(np.radians(degrees)), abs=1e-6)


def direction(name, *others, shots):
    """The direction in degrees of a name that counts as so many shots, and of keys of one each."""
    x, y = shots * unit(name) + sum(unit(degrees) for degrees in others)
    return float(np.degrees(np.arctan2(y, x)))


def unit(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


@pytest.fixture
def build(compass):
    def built(*categories, **options):
        made = [c if isinstance(c, Category) else Category(c) for c in categories]
        return Engine.build(made, encoder=compass, **options)

    return built


def test_descriptions_and_examples_count_as_one_key_each_and_a_name_as_it_is_weighed(build):
    described = Category("east", description="10", examples=["30", "40"])
    [alone] = build(described, threshold=None).classify(["20"], k=2)
    # keys at 0, 10, 30 and 40 degrees: their mean lies at 20
    assert (alone.label, alone.score) == ("east", cosine(0))
    engine = build(described, "west", threshold=None)
    assert engine.index.state.name_weight.weight == 3.0  # there are but two of them
    nearer = direction(0, 10, 30, 40, shots=3)
    assert 0 < nearer < 15
    [answer] = engine.classify([str(nearer)], k=2)
    assert (answer.label, answer.score) == ("east", cosine(0))
    [other] = engine.classify(["20"])
    assert other.score == cosine(20 - nearer)


def test_zero_one_and_several_examples_mix_in_one_index(build):
    engine = build(
        "east", Category("north", examples=["100"]), Category("south", examples=["260", "280"])
    )
    assert [len(c.examples) for c in engine.categories] == [0, 1, 2]
    assert engine.index.state.name_weight.weight == 3.0
    found = engine.classify(["1", str(direction(90, 100, shots=3)), "271"], threshold=None)
    assert [p.label for p in found] == ["east", "north", "south"]
    assert [p.score for p in found] == [cosine(1), cosine(0), cosine(1)]


def test_names_can_be_left_out(build):
    opaque = [Category("0", examples=["90"]), Category("180", examples=["270"])]
    [with_names] = build(*opaque, threshold=None).classify(["90"])
    [without] = build(*opaque, threshold=None, use_names=False).classify(["90"])
    between = direction(0, 90, shots=3)
    assert (with_names.score, without.score) == (cosine(90 - between), cosine(0))


def test_a_category_with_nothing_to_stand_for_it_is_refused(build):
    with pytest.raises(InvalidCategoriesError, match="'east' has no example and no description"):
        build("east", Category("west", examples=["180"]), use_names=False)


def test_a_name_given_twice_is_refused(build):
    with pytest.raises(InvalidCategoriesError, match="'east' is given twice"):
        build("east", Category("east", examples=["10"]))


@pytest.mark.parametrize("blank", ["", " \t"])
def test_an_empty_example_is_refused_wherever_it_comes_in(build, blank):
    message = "category 'east' has an empty example. Leave it out"
    with pytest.raises(InvalidCategoriesError, match=message):
        build(Category("east", examples=["10", blank]))
    engine = build("east", "west")
    with pytest.raises(InvalidCategoriesError, match=message):
        engine.replace(Category("east", examples=[blank]))
    with pytest.raises(InvalidCategoriesError, match=message):
        engine.correct(blank, "east")


def test_the_order_of_categories_and_examples_changes_nothing():
    categories = toy_categories()[:3]
    texts = ["my parcel", "log in", "money", "nothing of the kind"]
    answers = [
        Engine.build(order, encoder=HashingEncoder()).classify(texts)
        for order in permutations(categories)
    ]
    assert all(answer == answers[0] for answer in answers)


def test_with_five_categories_the_threshold_is_the_median_of_leaving_one_out(build):
    # The nearest other category is 40, 40, 50, 90 and 90 degrees away.
    decision = build(*FIVE).decision
    assert decision.threshold == cosine(50)
    assert decision.method == "leave-one-category-out median"
    assert (decision.n_way, decision.n_scores) == (5, 5)
    assert not decision.guess
    assert not decision.stale


def test_examples_and_not_names_stand_in_for_a_users_texts(build):
    # The example at 20 degrees pulls "0" to 6 and is scored against the others from 20.
    one = build(Category("0", examples=["20"]), *FIVE[1:])
    assert one.index.state.name_weight.weight == 2.6
    # 20 to 40: 20; 40 to 6: 34; 90 to 40: 50; 180 to 90: 90; 270 to 180: 90
    assert one.decision.threshold == cosine(50)
    several = build(Category("0", examples=["20", "10"]), *FIVE[1:]).decision
    pulled = direction(0, 20, 10, shots=2.6)
    assert several.n_scores == 6  # 20, 30, 40 - pulled, 50, 90, 90 degrees
    assert 30 < 40 - pulled < 50
    between = (np.cos(np.radians(40 - pulled)) + np.cos(np.radians(50))) / 2
    assert several.threshold == pytest.approx(between, abs=1e-6)


def test_with_few_categories_the_threshold_is_a_guess_from_background_sentences(build):
    # Every background sentence lies at 250 degrees: 70 from east, 110 from north.
    decision = build("north", "240").decision
    assert decision.threshold == cosine(10)
    assert decision.guess
    assert decision.method == "background sentences, 95 %"
    assert decision.n_way == 2


def test_with_few_categories_that_are_close_their_own_distance_counts(build):
    decision = build("east", "20").decision
    assert decision.threshold == cosine(20)  # not the 110 degrees to the background
    assert decision.guess


def test_own_vectors_have_no_background_so_few_categories_always_answer():
    encoder = PrecomputedEncoder(["a", "b", "x"], [[1, 0], [0, 1], [3, 1]], name="own")
    engine = Engine.build([Category("a"), Category("b")], encoder=encoder)
    assert engine.decision.threshold is None
    assert engine.decision.method == "none: too few categories"
    assert engine.decision.guess
    assert [p.label for p in engine.classify(["x"])] == ["a"]
    with pytest.raises(EncoderError, match="1 of 1 texts have no precomputed vector"):
        engine.classify(["y"])


def test_at_the_threshold_is_known_and_below_it_is_unknown(build):
    engine = build("east", "north", threshold=1.0)
    on, below = engine.classify_vectors([[1, 0], [1, 0.01]])
    assert (on.label, on.labels) == ("east", ("east",))
    assert (below.label, below.labels) == (None, ())
    assert below.matches[0].label == "east"  # what it would have been is still said


def test_vectors_of_the_encoder_are_answered_to_the_bit_as_their_texts():
    class Rounded(HashingEncoder):
        """Rows whose length differs from 1 in the last bits, as those of a real encoder."""

        def encode(self, texts, *, batch_size=32):
            return super().encode(texts, batch_size=batch_size) * np.float32(1 + 3e-7)

    engine = Engine.build(toy_categories(), encoder=Rounded())
    texts = [f"parcel number {i}" for i in range(200)]
    vectors = engine.encoder.encode(texts)
    assert engine.classify_vectors(vectors) == engine.classify(texts)


@pytest.mark.parametrize("threshold", [-1.0, 0.5, 1, None])
def test_a_given_threshold_is_kept_as_it_was_given(build, threshold):
    decision = build("east", "north", threshold=threshold).decision
    assert decision.threshold == threshold
    assert decision.method == "given"
    assert not decision.guess


@pytest.mark.parametrize("threshold", [1.01, -1.5, float("nan"), float("inf"), "high"])
def test_a_threshold_that_is_no_cosine_is_refused(build, threshold):
    with pytest.raises(InvalidTextsError, match=r"threshold is .*cosine"):
        build("east", threshold=threshold)
    with pytest.raises(InvalidTextsError, match=r"threshold is .*cosine"):
        build("east").classify(["0"], threshold=threshold)


def test_a_call_overrides_the_threshold_for_itself_alone(build):
    engine = build("east", "north", threshold=0.99)
    asked = [engine.classify(["20"], threshold=t)[0] for t in ("auto", 0.9, None, "auto")]
    assert [p.label for p in asked] == [None, "east", "east", None]
    assert [p.threshold for p in asked] == pytest.approx([0.99, 0.9, None, 0.99])


def test_a_category_can_have_a_threshold_of_its_own(build):
    strict = Category("east", threshold=0.99)
    engine = build(strict, "north", threshold=0.5)
    found = engine.classify(["20", "70"])
    assert [p.label for p in found] == [None, "north"]
    assert [p.threshold for p in found] == pytest.approx([0.99, 0.5])
    # A call overrides both, and one that never abstains leaves only the strict one.
    assert [p.label for p in engine.classify(["20", "70"], threshold=0.2)] == ["east", "north"]
    always = build(strict, "north", threshold=None).classify(["20", "200"])
    assert [p.label for p in always] == [None, "north"]


def test_a_category_without_a_threshold_beside_one_that_has_its_own_never_abstains(build):
    strict, lax = Category("east", threshold=0.99), Category("west", threshold=-1)
    engine = build(strict, lax, "north", threshold=None)
    texts = ["20", "70", "200"]
    found = engine.classify(texts)
    assert engine.decision.threshold is None
    assert [(p.label, p.threshold) for p in found] == [
        (None, pytest.approx(0.99)),
        ("north", None),
        ("west", -1),
    ]
    assert engine.predict_arrays(texts).thresholds.tolist() == [pytest.approx(0.99), -np.inf, -1]
    assert engine.explain("70").reason == "abstaining is off, so the best category is the answer"


def test_where_abstaining_is_off_out_of_scope_examples_and_blank_texts_are_answered_too(build):
    strict = Category("east", threshold=0.5)
    for categories in (["east", "west"], [strict, "west"]):
        engine = build(*categories, threshold=None)
        engine.add_out_of_scope(["10", "170"])
        found = engine.classify(["170", ""])
        assert [(p.label, p.threshold) for p in found] == [("west", None)] * 2
    [unknown] = engine.classify(["10"])
    assert (unknown.label, unknown.threshold) == (None, 0.5)


def test_matches_come_best_first_and_are_as_many_as_asked(build):
    engine = build(*FIVE)
    [three] = engine.classify(["30"])
    assert [m.label for m in three.matches] == ["40", "0", "90"]
    assert [m.score for m in three.matches] == [cosine(10), cosine(30), cosine(60)]
    assert three.margin == pytest.approx(three.score - three.matches[1].score)
    for k in (1, 2, 5, 100):
        [found] = engine.classify(["30"], k)
        assert len(found.matches) == min(k, 5)
        assert (found.label, found.score, found.margin) == (three.label, three.score, three.margin)


@pytest.mark.parametrize("k", [0, -1])
def test_no_matches_at_all_cannot_be_asked_for(build, k):
    with pytest.raises(InvalidTextsError, match=f"k is {k}; at least 1"):
        build("east").classify(["0"], k)


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("1", KeyKind.NAME, "east"),
        ("9", KeyKind.DESCRIPTION, "10"),
        ("50", KeyKind.EXAMPLE, "40"),
        ("25", KeyKind.EXAMPLE, "30"),
    ],
)
def test_a_match_says_which_key_was_nearest(build, text, kind, key):
    category = Category("east", description="10", examples=["30", "40"])
    [found] = build(category, "west").classify([text])
    assert (found.matches[0].key.kind, found.matches[0].key.text) == (kind, key)


def test_names_are_read_as_people_say_them(build):
    [found] = build("card_arrival", "north").classify(["250"], threshold=None)
    assert found.label == "card_arrival"
    assert found.matches[0].key.text == "card arrival"


def test_the_margin_of_the_only_category_is_over_the_lowest_cosine(build):
    [found] = build("east").classify(["60"], threshold=None)
    assert found.score == cosine(60)
    assert found.margin == pytest.approx(found.score + 1)
    assert len(found.matches) == 1


def test_without_categories_everything_is_unknown(build):
    engine = build()
    assert engine.categories == ()
    for threshold in ("auto", None, 0.1):
        [found] = engine.classify(["60"], threshold=threshold)
        assert (found.label, found.labels, found.matches) == (None, (), ())
    assert engine.classify_vectors([[1, 0]])[0].label is None
    assert engine.scores(["60"]).shape == (1, 0)


def test_no_texts_give_no_predictions(build):
    assert build("east").classify([]) == []
    assert build("east").scores([]).shape == (0, 1)


@pytest.mark.parametrize("blank", ["", " ", "\n\t\u2003", "\x00"])
def test_a_blank_text_is_unknown_unless_abstaining_is_off(blank):
    engine = toy_engine(threshold=-1.0)
    assert engine.classify([blank])[0].label is None
    assert engine.classify([blank], threshold=-1.0)[0].label is None
    assert engine.classify([blank], threshold=None)[0].label is not None


def test_a_bare_string_is_refused_with_the_list_to_give():
    for texts in ("money", b"money"):
        with pytest.raises(TypeError, match=r"texts is one .*; give a list"):
            toy_engine().classify(texts)
    with pytest.raises(TypeError, match="give a list"):
        toy_engine().scores("money")


@pytest.mark.parametrize(
    ("stranger", "message"),
    [
        (None, r"text 1 is missing \(None\). Drop it"),
        (float("nan"), r"text 1 is missing \(nan\)"),
        (7, "text 1 is of type int, not a string"),
        (b"money", "text 1 is of type bytes"),
    ],
)
def test_what_is_not_a_string_is_refused_with_its_position(stranger, message):
    with pytest.raises(InvalidTextsError, match=message):
        toy_engine().classify(["money", stranger])
    with pytest.raises(InvalidTextsError, match=message.replace("1", "0", 1)):
        toy_engine().correct(stranger, "late parcel")


@pytest.mark.parametrize("text", ["caf\udce9 money", "\ud800", "a\x00b", "💸" * 50])
def test_any_string_gets_an_answer(text):
    [found] = toy_engine().classify([text])
    assert found.label is not None
    assert -1 <= found.score <= 1


def test_a_text_of_20_000_characters_gets_an_answer():
    [found] = toy_engine().classify(["I want my money back! " * 1000])
    assert found.label == "refund request"


def test_own_vectors_get_the_answers_of_their_texts(build):
    engine = build(*FIVE)
    texts = [str(angle) for angle in range(0, 360, 7)]
    vectors = engine.encoder.encode(texts) * 5  # length does not count
    for threshold in ("auto", 0.9, None):
        from_vectors = engine.classify_vectors(vectors, 2, threshold=threshold)
        from_texts = engine.classify(texts, 2, threshold=threshold)
        assert [p.label for p in from_vectors] == [p.label for p in from_texts]
        assert [p.score for p in from_vectors] == pytest.approx([p.score for p in from_texts])
        assert [p.matches[1].key for p in from_vectors] == [p.matches[1].key for p in from_texts]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0, 0.0, 0.0]], "vectors have 3 dimensions, the index has 2"),
        ([[0.0, 0.0]], "vector 0 is all zeros"),
        ([[1.0, np.nan]], "vector 0 holds a value that is not finite"),
        ([1.0, 0.0], r"vectors have shape \(2,\); \(n, dim\) is needed"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(build, vectors, message):
    with pytest.raises(InvalidTextsError, match=message):
        build("east").classify_vectors(vectors)
    with pytest.raises(InvalidTextsError, match=message):
        build("east").score_vectors(vectors)
    with pytest.raises(InvalidTextsError, match=message):
        build("east").index.search(vectors)


def test_scores_are_the_cosines_with_every_category_in_the_order_of_labels(build):
    engine = build("west", "east", "north")
    assert engine.index.labels == ("east", "north", "west")
    found = engine.scores(["30", "180"])
    assert found.dtype == np.float32
    expected = np.cos(np.radians([[30, 60, 150], [180, 90, 0]]))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_batches_and_neighbours_do_not_change_an_answer():
    engine = toy_engine(threshold=0.3)
    texts = [f"parcel {i} money {i * 7} log in" for i in range(700)]  # over one chunk
    together = engine.classify(texts)
    assert together[::-1] == engine.classify(texts[::-1])
    assert together == engine.classify(texts, batch_size=1)
    assert together == [engine.classify([text])[0] for text in texts]
    assert together == engine.classify(iter(texts))


def test_progress_counts_every_key(compass):
    seen = []
    Engine.build([Category("east", examples=["1", "2"]), Category("west")], encoder=compass)
    Engine.build(
        [Category("east", description="3", examples=["1", "2"]), Category("west")],
        encoder=compass,
        on_progress=seen.append,
    )
    assert sum(seen) == 5


def test_an_encoder_can_be_named():
    engine = Engine.build(toy_categories(), encoder="hashing")
    assert isinstance(engine.encoder, HashingEncoder)


def test_an_encoder_of_other_dimensions_than_the_index_is_refused(compass):
    with pytest.raises(EncoderMismatchError, match="'compass' has 2 dimensions, the index 3"):
        Engine(compass, EditedIndex(3))


def test_an_engine_that_never_derived_a_threshold_always_answers(compass):
    index = EditedIndex(2)
    index.add([Category("east")], [[1, 0]])
    engine = Engine(compass, index)
    assert engine.classify(["200"])[0].label == "east"
    assert engine.decision.stale


def test_reading_from_threads_goes_on_beside_changes():
    engine = toy_engine(threshold=0.2)
    texts = ["my parcel", "my money back", "the weather"]
    known = {c.name for c in toy_categories()} | {"new", "newer", None}
    stop, wrong = threading.Event(), []

    def reading():
        while not stop.is_set():
            try:
                answers = engine.classify(texts)
                wrong.extend(p.label for p in answers if p.label not in known)
            except Exception as error:  # whatever it is, the test has to see it
                wrong.append(error)

    threads = [threading.Thread(target=reading) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        engine.add([Category("new", examples=["a parcel of the weather"])])
        engine.correct("the weather of my money", "new")
        engine.rename("new", "newer")
        engine.remove("newer")
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert engine.classify(texts) == toy_engine(threshold=0.2).classify(texts)


def test_examples_carry_their_source(build):
    category = Category("east", examples=(Example("10", "import"),))
    [found] = build(category, "west").classify(["11"])
    assert found.matches[0].key.source == "import"


def test_texts_that_come_again_get_their_answer_again_and_are_encoded_once():
    engine = toy_engine()
    texts = ["my parcel has not come", "I want my money back", "zzz qqq"]
    expected = [engine.classify([text])[0] for text in texts]
    order = [2, 0, 0, 1, 2, 0, 1]
    assert engine.classify([texts[i] for i in order]) == [expected[i] for i in order]


@pytest.mark.parametrize("threshold", ["auto", None, 0.5])
def test_answers_are_the_predictions_as_arrays(threshold):
    engine = toy_engine(threshold="auto")
    texts = ["my parcel has not come", "I want my money back", "zzz qqq", "", "zzz qqq"]
    found = engine.predict_arrays(texts, k=2, threshold=threshold)
    predictions = engine.classify(texts, k=2, threshold=threshold)
    labels = engine.index.labels
    assert found.scores.tolist() == [[m.score for m in p.matches] for p in predictions]
    named = [[labels[row] for row in rows] for rows in found.rows]
    assert named == [[m.label for m in p.matches] for p in predictions]
    assert found.in_scope.tolist() == [p.label is not None for p in predictions]
    assert found.margins.tolist() == [p.margin for p in predictions]
    limits = [None] * 5 if found.thresholds is None else found.thresholds.tolist()
    assert limits == [p.threshold for p in predictions]
    assert found.probabilities == [p.probability for p in predictions]


def test_no_text_has_no_answer_and_no_category_answers_nothing():
    assert toy_engine().predict_arrays([], k=3).scores.shape == (0, 3)
    empty = Engine.build([], encoder=HashingEncoder()).predict_arrays(["one", "two"])
    assert empty.scores.shape == (2, 0)
    assert empty.in_scope.tolist() == [False, False]
