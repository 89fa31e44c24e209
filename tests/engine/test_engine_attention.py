"""Keys that have a part in every score: saved, changed, corrected, adapted, of old indexes."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from textshot import Category, Engine, PrecomputedEncoder
from textshot._arrays import unit_rows
from textshot.errors import InvalidTextsError
from textshot.networks import NAME, NETWORKS, Matching, make_network
from textshot.networks.base import SCALE
from textshot.scoring.attention import MIN_EXAMPLES

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
LABELS = ("above", "below", "east", "north", "south", "west")
N_SHOT, N_QUERIES, DIM = 20, 120, 12
RNG = np.random.default_rng(0)


def near(centres, n, wide=1.0):
    """Return n vectors for each category, near its two centres in turn."""
    found = centres[:, np.arange(n) % 2]
    return found + wide * RNG.normal(size=found.shape) / math.sqrt(DIM)


CENTRES = unit_rows(RNG.normal(size=(12, DIM))).reshape(6, 2, DIM)
EXAMPLES = {label: [f"{label} example {i}" for i in range(N_SHOT)] for label in LABELS}
QUERIES = [f"text {i}" for i in range(N_QUERIES)]
TRUTHS = np.repeat(LABELS, N_QUERIES // 6)
ENCODER = PrecomputedEncoder(
    [*LABELS, *(text for texts in EXAMPLES.values() for text in texts), *QUERIES],
    np.concatenate(
        [
            RNG.normal(size=(6, DIM)),
            near(CENTRES, N_SHOT).reshape(-1, DIM),
            near(CENTRES, N_QUERIES // 6).reshape(-1, DIM),
        ]
    ),
    name="two places each",
)


def categories(n_shot=N_SHOT):
    return [Category(label, examples=[*texts[:n_shot]]) for label, texts in EXAMPLES.items()]


def build(given=None, **options):
    return Engine.build(given or categories(), encoder=ENCODER, **options)


def bits(engine):
    """All that depends on the keys, to the bit."""
    state = engine.index.state
    scores = engine.scores(QUERIES).tobytes()
    return (
        state.attention_share,
        state.name_weight,
        state.vectors.tobytes(),
        scores,
        engine.decision,
    )


def manifest_of(folder):
    return json.loads((folder / "index.json").read_bytes())


def by_pencil(state, texts, scale=SCALE, bias=(0.0, 0.0, 0.0)):
    """Return (1 - share) * cosine + share * attention, one text and one category at a time."""
    share, queries = state.attention_share, ENCODER.encode(texts).astype(float)
    name_weight = state.name_weight.weight if state.name_weight else 1
    found = np.empty((len(texts), len(state.entries)))
    for row, entry in enumerate(state.entries):
        kinds = state.key_kinds[state.key_rows == row]
        weights = np.exp(bias)[kinds] * np.where(kinds == NAME, name_weight, 1)
        for i, query in enumerate(queries):
            near = np.exp(scale * (entry.vectors @ query))
            read = math.log((weights * near).sum() / weights.sum()) / scale
            found[i, row] = (1 - share) * (entry.prototype @ query) + share * read
    return found


def accuracy(engine):
    best = engine.scores(QUERIES).argmax(axis=1)
    return np.mean([engine.index.labels[row] for row in best] == TRUTHS)


# What a score is.


@pytest.mark.parametrize("names", [True, False])
def test_scores_are_the_cosine_and_the_attention_of_all_keys(names):
    engine = build(use_names=names)
    state = engine.index.state
    assert state.attention_share > 0
    assert (state.name_weight is not None) == names
    found = engine.scores(QUERIES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_pencil(state, QUERIES), atol=1e-6)


def test_a_name_counts_in_the_attention_what_it_counts_in_the_vector():
    state = build().index.state
    assert abs(state.name_weight.weight - 1) > 0.1
    weights = state.attention.weights
    assert (weights[state.key_kinds != NAME] == 1).all()
    expected = np.float32(state.name_weight.weight)
    assert (weights[state.key_kinds == NAME] == expected).all()


def test_the_scale_and_the_weights_of_kinds_are_those_that_the_network_has_learned():
    bias = (0.4, 0.0, -0.7)
    network = Matching().with_parameters({"log_scale": [math.log(30)], "kind_bias": bias})
    engine = build(network=network)
    assert engine.index.state.attention_share > 0
    expected = by_pencil(engine.index.state, QUERIES, 30, bias)
    np.testing.assert_allclose(engine.scores(QUERIES), expected, atol=1e-6)


def test_without_key_attention_a_score_is_the_cosine_alone():
    engine = build(key_attention="off")
    state = engine.index.state
    assert state.attention_share is None
    assert state.attention is None
    expected = ENCODER.encode(QUERIES) @ state.vectors.T
    np.testing.assert_allclose(engine.scores(QUERIES), expected, atol=1e-6)
    assert state.vectors.tobytes() == build().index.state.vectors.tobytes()


def test_texts_of_categories_of_two_things_are_read_better():
    assert accuracy(build()) > accuracy(build(key_attention="off")) + 0.05


@pytest.mark.parametrize("keys", ["several", "", None, True, "Auto"])
def test_a_key_attention_that_is_neither_auto_nor_off_is_refused(keys):
    with pytest.raises(
        InvalidTextsError, match=f"key_attention is {keys!r}; 'auto' or 'off' is needed"
    ):
        build(key_attention=keys)


SETTINGS = [
    *((name, {}) for name in NETWORKS),
    ("matching", {"context": "lstm"}),
    ("matching", {"context": "attention"}),
]


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_only_networks_of_one_vector_for_a_category_have_a_share(tmp_path, name, settings):
    alone = not settings and name in ("matching", "prototypical", "siamese")
    engine = build(categories(N_SHOT if alone else 3), network=make_network(name, **settings))
    share = engine.index.state.attention_share
    assert share in (0.25, 0.5) if alone else share is None
    engine.add_example("east", QUERIES[0])
    assert (engine.index.state.attention_share is None) == (not alone)
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index", encoder=ENCODER)
    assert bits(loaded) == bits(engine)


# The answer.


def test_the_answer_is_the_best_score():
    engine = build()
    scores = engine.scores(QUERIES)
    for line, prediction in zip(scores, engine.classify(QUERIES, k=6, threshold=None), strict=True):
        order = np.argsort(-line, kind="stable")
        assert [m.label for m in prediction.matches] == [engine.index.labels[i] for i in order]
        np.testing.assert_allclose([m.score for m in prediction.matches], line[order], atol=1e-6)
        assert prediction.label == engine.index.labels[order[0]]
        assert prediction.margin == pytest.approx(line[order[0]] - line[order[1]], abs=1e-6)


def test_the_threshold_is_derived_from_these_scores():
    engine = build()
    texts = [text for found in EXAMPLES.values() for text in found]
    scores = engine.scores(texts)
    scores[np.arange(len(texts)), np.repeat(np.arange(6), N_SHOT)] = -1
    assert engine.decision.threshold == pytest.approx(np.median(scores.max(axis=1)), abs=1e-6)
    assert engine.decision.threshold != build(key_attention="off").decision.threshold


def test_the_best_category_has_the_largest_probability():
    engine = build()
    engine.tune(QUERIES[::2], TRUTHS[::2])
    found, best = engine.probabilities(QUERIES), engine.scores(QUERIES).argmax(axis=1)
    np.testing.assert_array_equal(found.argmax(axis=1), best)
    predictions = engine.classify(QUERIES, threshold=None)
    np.testing.assert_allclose([p.probability for p in predictions], found.max(axis=1), atol=1e-6)


def test_a_score_depends_on_no_other_text_and_no_batch():
    engine = build()
    every = engine.scores(QUERIES)
    single = np.concatenate([engine.scores([text]) for text in QUERIES])
    np.testing.assert_allclose(every, single, rtol=0, atol=1e-6)
    np.testing.assert_allclose(engine.scores(QUERIES[::-1]), every[::-1], rtol=0, atol=1e-6)
    whole = engine.classify(QUERIES)
    for others in (
        engine.classify(QUERIES, batch_size=7),
        [engine.classify([text])[0] for text in QUERIES],
    ):
        assert [p.label for p in others] == [p.label for p in whole]
        np.testing.assert_allclose([p.score for p in others], [p.score for p in whole], atol=1e-6)


# Saved, changed.


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("names", [True, False])
def test_saved_is_loaded_bit_for_bit(tmp_path, names, private):
    engine = build(use_names=names, private=private)
    engine.save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index", encoder=ENCODER)
    assert loaded.index.state.attention_share > 0
    assert bits(loaded) == bits(engine)
    manifest = manifest_of(tmp_path / "index")
    assert manifest["requires"] == ["attention", "fusion"][: 1 + names]
    assert manifest["fusion"]["attention"] == engine.index.state.attention_share
    for one in (engine, loaded):  # it is found again from what was loaded too
        one.add([Category("text 0", examples=[*QUERIES[:20]])])
    assert bits(loaded) == bits(engine)


def test_keys_that_are_fused_stay_so_when_saved_and_changed(tmp_path):
    engine = build(key_attention="off")
    engine.save(tmp_path / "index")
    assert "attention" not in manifest_of(tmp_path / "index")["fusion"]
    loaded = Engine.load(tmp_path / "index", encoder=ENCODER)
    loaded.add_example("east", QUERIES[0])
    assert loaded.index.state.attention_share is None


def test_few_examples_have_no_share_and_any_textshot_reads_them(tmp_path):
    engine = build(categories(3))
    assert engine.index.state.attention_share == 0
    assert engine.index.state.by_search
    engine.save(tmp_path / "index")
    assert manifest_of(tmp_path / "index")["requires"] == ["fusion"]
    loaded = Engine.load(tmp_path / "index", encoder=ENCODER)
    assert loaded.index.state.attention_share == 0
    more = [(text, label) for label, texts in EXAMPLES.items() for text in texts[3:]]
    loaded.add_examples(*zip(*more, strict=True))
    assert bits(loaded) == bits(build())
    assert not loaded.index.state.by_search


def test_the_share_is_found_again_at_each_change():
    engine, whole = build(), bits(build())
    gone = EXAMPLES["east"][-1:] + EXAMPLES["east"][:-1]
    assert 6 * N_SHOT - len(gone) == MIN_EXAMPLES
    for text in gone:
        assert engine.index.state.attention_share > 0
        engine.remove_example("east", text)
    engine.remove_example("west", EXAMPLES["west"][0])
    assert engine.index.state.attention_share == 0
    engine.add_examples([EXAMPLES["west"][0], *EXAMPLES["east"]], ["west", *["east"] * N_SHOT])
    assert engine.index.state.attention_share > 0
    engine.replace(categories()[LABELS.index("west")])
    assert bits(engine) == whole
    engine.rename("west", "text 0")
    assert engine.index.state.attention_share > 0
    engine.remove(*engine.index.labels)
    assert engine.index.state.attention_share == 0
    engine.add(categories())
    assert bits(engine) == whole
    engine.remove("above", "below")
    assert engine.index.state.attention_share == 0


@pytest.mark.parametrize("name", ["index", "private", "network"])
def test_an_index_from_before_there_was_attention_never_has_any(tmp_path, name):
    folder = shutil.copytree(GOLDEN / name, tmp_path / "index")
    engine = Engine.load(folder)
    assert engine.index.state.attention_share is None
    texts = [f"my parcel {i} has not come" for i in range(MIN_EXAMPLES)]
    engine.add_examples(texts, ["late parcel"] * len(texts))
    assert engine.index.state.attention_share is None
    engine.save(folder)
    assert Engine.load(folder).index.state.attention_share is None
    assert "attention" not in manifest_of(folder)["fusion"]


# Corrected, adapted.


def test_a_correction_wins_against_all_other_keys():
    engine, texts = build(), QUERIES[::7]
    for text, before in zip(texts, engine.classify(texts, threshold=None), strict=True):
        label = next(name for name in LABELS if name != before.label)
        assert engine.correct(text, label).label == label
        assert engine.classify([text])[0].label == label
    assert engine.index.state.attention_share > 0
    other = [engine.classify([text], threshold=1.0)[0] for text in texts]
    assert None not in {p.label for p in other}


def test_a_correction_of_an_example_of_another_category_holds_when_loaded_again(tmp_path):
    engine, [text] = build(), EXAMPLES["north"][:1]
    assert engine.classify([text])[0].label == "north"
    engine.correct(text, "south")
    engine.save(tmp_path / "index")
    for one in (engine, Engine.load(tmp_path / "index", encoder=ENCODER)):
        assert one.index.state.attention_share > 0
        assert one.classify([text])[0].label == "south"


def test_adapted_categories_move_and_the_attention_of_their_keys_stays():
    engine = build()
    before, moved = engine.index.state, engine.adapted(QUERIES).index.state
    assert moved.adaptation.reason == ""
    assert moved.attention_share == before.attention_share > 0
    assert np.abs(moved.vectors - before.vectors).max() > 0.01
    assert moved.key_vectors.tobytes() == before.key_vectors.tobytes()
    found = engine.adapted(QUERIES).scores(QUERIES)
    np.testing.assert_allclose(found, by_pencil(moved, QUERIES), atol=1e-6)
    assert np.abs(found - engine.scores(QUERIES)).max() > 0.01
