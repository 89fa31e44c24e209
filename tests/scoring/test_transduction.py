import random
from hashlib import blake2b

import numpy as np
import pytest
from meanwhile import while_encoding

from textshot._arrays import unit_rows
from textshot.engine import Engine
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.networks import Linear, Matching, Memory
from textshot.scoring.transduction import MAX_TEXTS, MIN_TEXTS, adapt, sample_texts
from textshot.types import Category

TEXTS = [f"text number {i}" for i in range(300)]


def at(*degrees):
    angles = np.radians(np.asarray(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def degrees_of(rows):
    return np.degrees(np.arctan2(rows[:, 1], rows[:, 0]).astype(np.float64))


# The sample


def test_a_sample_is_the_texts_with_the_smallest_hashes():
    def hashed(text):
        return blake2b(text.encode(), digest_size=8, key=bytes(8)).digest()[::-1]

    assert sample_texts(TEXTS, 20) == sorted(sorted(TEXTS, key=hashed)[:20])


def test_order_and_repetition_do_not_change_a_sample():
    expected = sample_texts(TEXTS, 40)
    for seed in range(10):
        rng = random.Random(seed)
        mixed = [*TEXTS, *rng.choices(TEXTS, k=500)]
        rng.shuffle(mixed)
        assert sample_texts(iter(mixed), 40) == expected
    assert sample_texts(TEXTS, 40, seed=1) != expected


def test_a_sample_of_few_texts_is_all_of_them_without_blanks():
    assert sample_texts(["b", " ", "a", "", "b", "\t\n"]) == ["a", "b"]
    assert sample_texts([]) == []
    assert len(sample_texts(map(str, range(2 * MAX_TEXTS)))) == MAX_TEXTS


# Moving


def test_a_category_moves_towards_its_texts_half_of_the_way():
    # A hundred texts weigh more than one key (four texts), so they are cut to its weight.
    moved = adapt(at(0, 90), np.array([1, 1]), at(*[10] * 100, *[80] * 100))
    np.testing.assert_allclose(degrees_of(moved), [5, 85], atol=1e-3)
    assert (moved.dtype, moved.shape) == (np.float32, (2, 2))


def test_few_texts_weigh_less_than_the_keys():
    # Two texts beside four for the key: a third of the way, as sines add up.
    moved = adapt(at(0, 90), np.array([1, 1]), at(12, 12, 78, 78))
    np.testing.assert_allclose(degrees_of(moved), [4, 86], atol=0.02)


def test_the_more_keys_the_less_it_moves():
    texts = at(*[12] * 8, *[78] * 8)
    turned = [degrees_of(adapt(at(0, 90), np.array([n, n]), texts))[0] for n in (1, 2, 4, 8)]
    assert turned == sorted(turned, reverse=True)
    assert turned[0] == pytest.approx(6, abs=0.02)


def test_texts_between_two_categories_move_none():
    sure, between = at(*[10] * 50, *[80] * 50), at(*np.linspace(40, 50, 80))
    alone = adapt(at(0, 90), np.array([1, 1]), sure)
    beside = adapt(at(0, 90), np.array([1, 1]), np.concatenate([sure, between]))
    np.testing.assert_allclose(beside, alone, atol=1e-6)


def test_a_frequent_category_moves_no_further_than_a_rare_one():
    skewed = adapt(at(0, 90), np.array([1, 1]), at(*[10] * 5000, *[80] * 20))
    np.testing.assert_allclose(degrees_of(skewed), [5, 85], atol=0.1)


def test_the_order_of_the_texts_changes_nothing_but_rounding():
    rng = np.random.default_rng(0)
    vectors, texts = (unit_rows(rng.normal(size=(n, 16))) for n in (9, 400))
    n_keys = rng.integers(1, 5, 9)
    expected = adapt(vectors, n_keys, texts)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-6)
    for _ in range(5):
        shuffled = adapt(vectors, n_keys, texts[rng.permutation(400)])
        np.testing.assert_allclose(shuffled, expected, atol=1e-6)


def in_loops(vectors, n_keys, texts):
    """Do as `adapt`, one text after the other."""
    scores = [[float(t @ v) for v in vectors] for t in texts]
    margins = [sorted(s)[-1] - sorted(s)[-2] for s in scores]
    sure = [t for t, m in zip(texts, margins, strict=True) if m >= np.quantile(margins, 0.5)]
    moved = list(vectors)
    for _ in range(3):
        weight, total = [0.0] * len(vectors), [0 * v for v in vectors]
        for text in sure:
            odds = [np.exp(40 * float(text @ v)) for v in moved]
            for c, share in enumerate(np.array(odds) / sum(odds)):
                weight[c] += share
                total[c] = total[c] + share * text
        for c, start in enumerate(vectors):
            most = 4 * n_keys[c]
            new = most * start + min(1.0, most / weight[c]) * total[c]
            moved[c] = new / np.linalg.norm(new)
    return np.array(moved)


def test_it_is_what_loops_find():
    rng = np.random.default_rng(1)
    vectors, texts = (unit_rows(rng.normal(size=(n, 6))) for n in (5, 80))
    n_keys = np.array([1, 2, 1, 4, 3])
    wide = [rows.astype(np.float64) for rows in (vectors, texts)]
    np.testing.assert_allclose(
        adapt(vectors, n_keys, texts), in_loops(wide[0], n_keys, wide[1]), atol=1e-6
    )


# The engine

SHOP = [
    Category("refund request", examples=["I want my money back for the kettle"]),
    Category("late parcel", examples=["where is my parcel, it should be here"]),
    Category("login problem", examples=["my password is not accepted any more"]),
]
WORDS = ("money", "back", "kettle", "refund", "parcel", "late", "courier", "password", "login")


def batch(n, seed=0):
    rng = random.Random(seed)
    return [f"{' '.join(rng.sample(WORDS, 4))} please {i}" for i in range(n)]


@pytest.fixture(scope="module")
def engine():
    return Engine.build(SHOP, encoder="hashing", threshold=0.1)


def test_adapted_answers_do_not_depend_on_order_parts_or_repetition(engine):
    texts = batch(400)
    expected = {t: p for t, p in zip(texts, engine.classify(texts, adapt=True), strict=True)}
    mixed = [*texts, *texts[:100]]
    random.Random(3).shuffle(mixed)
    for text, found in zip(mixed, engine.classify(mixed, adapt=True), strict=True):
        assert found == expected[text]
    moved = engine.adapted(mixed)
    parts = [p for i in range(0, 400, 37) for p in moved.classify(texts[i : i + 37])]
    assert parts == list(expected.values())


def test_an_engine_that_adapts_stays_as_it_was(engine):
    before = engine.index.state
    moved = engine.adapted(batch(400))
    assert engine.index.state is before
    assert before.adaptation is None
    assert moved.index.state.adaptation.n_texts == 400
    assert moved.index.state.adaptation.reason == ""
    assert not np.allclose(moved.index.state.vectors, before.vectors, atol=1e-3)
    np.testing.assert_array_equal(moved.index.state.key_vectors, before.key_vectors)
    assert moved.decision == engine.decision  # it was given


def test_the_threshold_is_derived_again():
    categories = [
        *SHOP,
        Category("opening hours", examples=["when do you open"]),
        Category("a job"),
    ]
    engine = Engine.build(categories, encoder="hashing")
    texts = batch(400) + ["when do you open"] * 5
    moved = engine.adapted(texts)
    assert moved.index.state.adaptation.reason == ""
    assert moved.decision.method == engine.decision.method
    assert moved.decision.threshold != engine.decision.threshold


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (batch(MIN_TEXTS - 1), "49 different texts are too few (50 are needed)"),
        (batch(10) * 100, "10 different texts are too few (50 are needed)"),
    ],
)
def test_it_keeps_its_hands_off_and_says_why(engine, texts, reason):
    moved = engine.adapted(texts)
    assert reason in moved.index.state.adaptation.reason
    np.testing.assert_array_equal(moved.index.state.vectors, engine.index.state.vectors)
    assert moved.classify(texts) == engine.classify(texts)


def test_texts_about_something_else_move_nothing():
    strict = Engine.build(SHOP, encoder="hashing", threshold=0.9)
    reason = strict.adapted(batch(100)).index.state.adaptation.reason
    assert reason == "only 0 % of the texts are near any category"


def test_one_category_alone_is_not_moved():
    alone = Engine.build(SHOP[:1], encoder="hashing", threshold=0.1)
    reason = alone.adapted(batch(100)).index.state.adaptation.reason
    assert reason == "there are fewer than two categories"


def test_an_adapted_engine_is_neither_changed_nor_saved(engine, tmp_path):
    moved = engine.adapted(batch(100))
    with pytest.raises(InvalidCategoriesError, match="adapted to a batch of texts, for one run"):
        moved.add([Category("new")])
    with pytest.raises(InvalidCategoriesError, match="Change and save the one that"):
        moved.save(tmp_path / "index")
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(
    "network",
    [
        Memory(),
        Linear(),
        Matching(context="attention"),
    ],
    ids=["memory", "linear", "context"],
)
def test_a_network_that_reads_more_than_one_vector_is_refused(network):
    engine = Engine.build(SHOP, encoder="hashing", network=network, threshold=0.1)
    with pytest.raises(InvalidTextsError, match=f"the {network.name} network .* to adapt"):
        engine.classify(batch(100), adapt=True)


def test_a_tuned_threshold_moves_as_far_as_the_derived_one():
    categories = [*SHOP, Category("a job"), Category("hours")]
    engine = Engine.build(categories, encoder="hashing")
    texts = batch(200)
    shift = engine.adapted(texts).decision.threshold - engine.decision.threshold
    assert shift != 0
    truths = [p.label for p in engine.classify(texts[:60], threshold=None)]
    foreign = [f"weather wind {i}" for i in range(20)]
    tuned = engine.tune([*texts[:60], *foreign], [*truths, *[None] * 20])
    moved = engine.adapted(texts)
    assert moved.index.state.adaptation.reason == ""
    assert moved.decision.threshold == pytest.approx(tuned.threshold + shift)
    assert {p.probability for p in moved.classify(texts[:5])} == {None}


def test_a_change_while_texts_are_encoded_does_not_mix_categories():
    """The answer is that of one moment: all categories of it, each with its own vector."""
    engine = Engine.build(SHOP, encoder="hashing", threshold=0.1)

    def change():
        engine.remove("late parcel")
        engine.add([Category("a new one", examples=["something new"])])

    while_encoding(engine, change)
    moved = engine.adapted(batch(200))
    assert moved.index.labels == engine.index.labels
    expected = engine.adapted(batch(200))
    np.testing.assert_array_equal(moved.index.state.vectors, expected.index.state.vectors)


def test_what_is_no_list_of_texts_is_refused(engine):
    with pytest.raises(TypeError, match="one str; give a list"):
        engine.adapted("a single text")
    with pytest.raises(InvalidTextsError, match="is missing"):
        engine.adapted(["a", None])


def test_corrections_still_hold_after_adapting():
    engine = Engine.build(SHOP, encoder="hashing", threshold=0.1)
    text = "money back kettle refund please 1"
    engine.correct(text, "login problem")
    moved = engine.adapted(batch(300))
    assert moved.index.state.adaptation.reason == ""
    assert moved.classify([text])[0].label == "login problem"
