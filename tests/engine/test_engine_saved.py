"""What was saved answers as before, with its own encoder and with no other."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from edits import EditedIndex

from textshot import Category, Encoder, Engine, FunctionEncoder, PrecomputedEncoder
from textshot.errors import (
    ConflictError,
    EncoderMismatchError,
    EncoderNotFoundError,
    IndexNotFoundError,
    InvalidCategoriesError,
)
from textshot.testing import HashingEncoder, toy_categories, toy_engine

TEXTS = ["my parcel", "log in please", "money money", "the weather", "", "apply for it"]


@pytest.mark.parametrize("used", [False, True])
def test_a_lazy_engine_can_be_pickled_and_answers_alike(tmp_path, used):
    toy_engine().save(tmp_path / "index")
    engine = Engine.load(tmp_path / "index", lazy=True)
    if used:
        engine.classify(TEXTS)  # its encoder is loaded
    there = pickle.loads(pickle.dumps(engine))
    assert there.classify(TEXTS) == engine.classify(TEXTS)
    assert there.index.path == engine.index.path


def test_a_pickled_lazy_engine_checks_the_encoder_that_it_was_given(tmp_path):
    toy_engine().save(tmp_path / "index")
    wrong = Engine.load(tmp_path / "index", encoder=HashingEncoder(16), lazy=True)
    there = pickle.loads(pickle.dumps(wrong))
    with pytest.raises(EncoderMismatchError, match="cannot be compared"):
        there.classify(TEXTS)


@pytest.mark.parametrize("threshold", ["auto", None, 0.4])
@pytest.mark.parametrize("private", [False, True])
def test_a_loaded_engine_gives_the_same_answers(tmp_path, threshold, private):
    engine = Engine.build(
        toy_categories(), encoder=HashingEncoder(), threshold=threshold, private=private
    )
    assert engine.save(tmp_path / "index") == 1
    loaded = Engine.load(tmp_path / "index")
    assert loaded.decision == engine.decision
    answers = [
        (p.label, p.score, p.margin, p.threshold, [m.label for m in p.matches])
        for p in loaded.classify(TEXTS)
    ]
    assert answers == [
        (p.label, p.score, p.margin, p.threshold, [m.label for m in p.matches])
        for p in engine.classify(TEXTS)
    ]
    if not private:
        assert loaded.classify(TEXTS) == engine.classify(TEXTS)
        assert loaded.categories == engine.categories


@pytest.mark.parametrize("when", ["at build", "at save"])
def test_a_private_index_holds_no_text(tmp_path, when):
    categories = [
        Category("refund", description="secret-description", examples=["secret-example"]),
        Category("parcel", examples=["another-secret"]),
    ]
    engine = Engine.build(categories, encoder=HashingEncoder(), private=when == "at build")
    engine.save(tmp_path / "index", private=True if when == "at save" else None)
    stored = b"".join(f.read_bytes() for f in (tmp_path / "index").iterdir())
    assert b"secret" not in stored
    assert b"refund" in stored  # names are answers, they have to stay
    loaded = Engine.load(tmp_path / "index")
    assert [m.key.text for p in loaded.classify(["secret example"]) for m in p.matches] != []
    assert {k.text for e in loaded.index.state.entries for k in e.keys if k.kind != "name"} == {
        None
    }
    with pytest.raises(InvalidCategoriesError, match="the index is private: texts are not kept"):
        loaded.remove_example("refund", "secret-example")


def test_a_private_index_can_be_changed_and_stays_private(tmp_path):
    Engine.build(toy_categories(), encoder=HashingEncoder(), private=True).save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index")
    loaded.correct("a hidden sentence", "late parcel")
    loaded.rename("late parcel", "parcel")
    loaded.merge(["login problem"], "parcel")
    loaded.save(tmp_path / "index", purge=True)
    again = Engine.load(tmp_path / "index")
    assert again.classify(["a hidden sentence"], threshold=None)[0].label == "parcel"
    stored = b"".join(f.read_bytes() for f in (tmp_path / "index").iterdir())
    assert b"hidden" not in stored
    with pytest.raises(InvalidCategoriesError, match="private index has no texts to encode"):
        loaded.replace(again.index.state.entry("parcel").category)


def test_another_encoder_is_refused_with_both_fingerprints(tmp_path, compass):
    toy_engine().save(tmp_path / "index")
    for other in (HashingEncoder(64), compass):
        with pytest.raises(EncoderMismatchError, match=r"hashing-v1-256.*cannot be") as e:
            Engine.load(tmp_path / "index", encoder=other)
        assert other.fingerprint in str(e.value)


def test_an_encoder_of_the_right_name_that_embeds_differently_is_refused(tmp_path, compass):
    Engine.build([Category("east")], encoder=compass).save(tmp_path / "index")

    def turned(texts):
        return compass.encode(texts) @ np.array([[0.0, 1.0], [-1.0, 0.0]])

    impostor = FunctionEncoder(turned, name="compass")
    assert impostor.fingerprint == compass.fingerprint
    with pytest.raises(EncoderMismatchError, match="embeds the probe text differently"):
        Engine.load(tmp_path / "index", encoder=impostor)


@pytest.mark.parametrize(("degrees", "same"), [(0.5, True), (1.0, False)])
def test_the_probe_forgives_rounding_and_nothing_more(tmp_path, compass, degrees, same):
    # The tolerance of 1e-4 on the cosine is an angle of 0.81 degrees.
    Engine.build([Category("east")], encoder=compass).save(tmp_path / "index")
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def turned(texts):
        return compass.encode(texts) @ np.array([[c, s], [-s, c]])

    impostor = FunctionEncoder(turned, name="compass")
    if same:
        assert Engine.load(tmp_path / "index", encoder=impostor).classify(["0"])[0].label == "east"
    else:
        with pytest.raises(EncoderMismatchError, match="embeds the probe text differently"):
            Engine.load(tmp_path / "index", encoder=impostor)


def test_an_encoder_that_gives_nan_is_refused(tmp_path, compass):
    Engine.build([Category("east")], encoder=compass).save(tmp_path / "index")

    class Broken(Encoder):
        def __init__(self):
            super().__init__("compass", dim=2, fingerprint=compass.fingerprint, spec=compass.spec)

        def encode(self, texts, *, batch_size=32):
            return np.full((len(texts), 2), np.nan, np.float32)

    with pytest.raises(EncoderMismatchError, match="embeds the probe text differently"):
        Engine.load(tmp_path / "index", encoder=Broken())


def test_an_encoder_of_ones_own_must_be_given_when_loading(tmp_path, compass):
    engine = Engine.build([Category("east"), Category("north")], encoder=compass)
    engine.save(tmp_path / "index")
    for name in (None, "compass"):
        with pytest.raises(EncoderMismatchError, match=r"own embeddings .*: give that encoder"):
            Engine.load(tmp_path / "index", encoder=name)
    loaded = Engine.load(tmp_path / "index", encoder=compass)
    assert loaded.classify(["10", "80"]) == engine.classify(["10", "80"])


def test_precomputed_vectors_can_be_saved_and_classify_other_vectors(tmp_path):
    mine = PrecomputedEncoder(["a", "b"], [[1, 0], [0, 1]], name="own v1")
    Engine.build([Category("a"), Category("b")], encoder=mine).save(tmp_path / "index")
    later = PrecomputedEncoder(["a new text"], [[3, 1]], name="own v1")
    loaded = Engine.load(tmp_path / "index", encoder=later)
    assert loaded.classify(["a new text"])[0].label == "a"
    assert loaded.classify_vectors([[1, 3]])[0].label == "b"
    other = PrecomputedEncoder(["a"], [[1, 0]], name="own v2")
    with pytest.raises(EncoderMismatchError, match="was made with encoder 'own:own v1'"):
        Engine.load(tmp_path / "index", encoder=other)


def test_a_name_can_be_given_when_loading_and_has_to_be_the_same(tmp_path):
    toy_engine().save(tmp_path / "index")
    loaded = Engine.load(tmp_path / "index", encoder="hashing")
    assert loaded.classify(TEXTS) == toy_engine().classify(TEXTS)
    with pytest.raises(EncoderNotFoundError, match=r"there is no encoder '\./nowhere'"):
        Engine.load(tmp_path / "index", encoder="./nowhere")


def test_an_index_that_does_not_say_its_encoder_is_refused(tmp_path):
    index = EditedIndex(2)
    index.add([Category("east")], [[1, 0]])
    index.save(tmp_path / "index")
    with pytest.raises(EncoderMismatchError, match="does not say which encoder made it"):
        Engine.load(tmp_path / "index")


def test_nothing_there_is_reported(tmp_path):
    with pytest.raises(IndexNotFoundError, match=r"there is no index at .*nowhere"):
        Engine.load(tmp_path / "nowhere")


def test_an_index_is_not_written_over_by_chance(tmp_path):
    toy_engine().save(tmp_path / "index")
    with pytest.raises(ConflictError, match=r"there is an index at .* already"):
        toy_engine().save(tmp_path / "index")
    assert toy_engine().save(tmp_path / "index", overwrite=True) == 2


def test_of_two_who_loaded_the_second_to_save_gets_a_conflict(tmp_path):
    toy_engine().save(tmp_path / "index")
    first, second = (Engine.load(tmp_path / "index") for _ in range(2))
    first.correct("one", "late parcel")
    first.save(tmp_path / "index")
    second.correct("two", "late parcel")
    with pytest.raises(ConflictError, match="is at generation 2, and was at 1 when it was read"):
        second.save(tmp_path / "index")
    assert "one" in [e.text for e in Engine.load(tmp_path / "index").categories[1].examples]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_and_a_pickled_engine_answer_the_same(copied):
    engine = toy_engine(threshold=0.3)
    engine.classify(TEXTS)
    other = copied(engine)
    assert other.classify(TEXTS) == engine.classify(TEXTS)
    other.correct("the weather", "late parcel")  # and can be changed alone
    assert other.classify(["the weather"])[0].label == "late parcel"
    assert engine.classify(["the weather"])[0].label is None
