"""The adapter's recipe: what is measured with an adapter was never learned by it."""

import json

import numpy as np
import pytest

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy.sets import OPEN, SETS
from benchmarks.adapter.recipe import ADAPTERS, CONFIG, SHIPPED, kept_texts, splits_of
from benchmarks.adapter.recipe import SETS as LEARNED
from benchmarks.long import SHOTS, Texts, measure
from textshot import Category, Engine, load_encoder

RELATIVES = {"banking77": {"banking77"}, "hwu64": {"hwu64", "massive_intent_en"}}
RELATIVES["massive_intent_en"] = RELATIVES["hwu64"]
RELATIVES["clinc150"] = {"clinc150", "banking77"}


def said(rng):
    """Return five made-up words: texts that are nearly the same are left out of a corpus."""
    return " ".join("".join(rng.choice(list("abcdefghij"), 6)) for _ in range(5))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """All sets of the recipe, with made-up texts of six categories each."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    domains = {"banking": ["kind 0"], "credit_cards": ["kind 1"], "travel": ["kind 2"]}
    for name in (*LEARNED, "mr", "subj"):
        (folder / name).mkdir(parents=True)
        kinds = 2 if name in ("mr", "subj") else 6
        splits = ("valid_wiki", "valid_nyt", "valid_pubmed", "train", "valid", "test")
        for split in splits:
            rows = [
                {"text": f"{name} {split} {'abcdef'[kind]} {said(rng)}", "label": f"kind {kind}"}
                for kind in range(kinds)
                for _ in range(8)
            ]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / name / f"{split}.jsonl").write_text(text, encoding="utf-8")
    (folder / "clinc150" / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    return folder


def test_each_cell_has_one_adapter():
    targets = [target for left in ADAPTERS.values() for target in left.targets]
    assert sorted(targets) == sorted([*SETS, *(f"open-{name}" for name in OPEN)])


@pytest.mark.parametrize("name", ADAPTERS)
def test_nothing_of_a_target_is_learned(data, name):
    left = ADAPTERS[name]
    splits = splits_of(data, left)
    learned = {text for part in (splits.train, splits.valid) for text in part.texts}
    learned |= {t for text in kept_texts(data, left) for t in text.split(". ")}
    for target in left.targets:
        about = target.removeprefix("open-")
        folder = OPEN[about][0] if target.startswith("open-") else SETS[about][0]
        for gone in RELATIVES.get(folder, {folder}):
            assert not any(text.startswith(f"{gone} ") for text in learned), (target, gone)
    if "banking77" in left.targets:
        texts = [text for text in learned if text.startswith("clinc150 ")]
        assert texts
        assert not any(text.split()[2] in "ab" for text in texts)  # the banking domains


def test_the_adapter_that_ships_left_nothing_out(data):
    splits = splits_of(data, ADAPTERS[SHIPPED])
    assert splits.train.domain_names == LEARNED
    assert not CONFIG.guard


def test_a_stand_in_that_is_not_there_is_asked_for(tmp_path):
    with pytest.raises(SystemExit, match=r"without-banking77.safetensors is missing: make adapter"):
        accuracy.adapter_for("sure-banking77", tmp_path)


def test_the_documents_of_the_desk_are_drawn_and_the_others_are_tests(data):
    some = Texts("document desk", data)
    assert len(some.texts) == 120
    assert len(some.kinds) == 12
    words = [len(text.split()) for text in some.texts]
    assert min(words) >= 300
    assert max(words) <= 1500
    for n_shot in SHOTS:
        chosen, tests = some.draw(n_shot, seed=3)
        assert chosen.shape == (12, n_shot)
        assert len(tests) == 120 - 12 * n_shot
        assert not np.intersect1d(chosen, tests).size
        assert (some.labels[chosen] == np.arange(12)[:, None]).all()


def test_long_texts_are_measured_as_an_engine_answers(data):
    encoder, some = load_encoder("hashing"), Texts("document desk", data)
    some.draws = 1
    found = dict(measure(some, encoder))
    chosen, tests = some.draw(1, seed=0)
    kinds = [
        Category(k, examples=[some.texts[i]]) for k, [i] in zip(some.kinds, chosen, strict=True)
    ]
    engine = Engine.build(kinds, encoder=encoder, threshold=None)
    answers = engine.classify([some.texts[i] for i in tests], k=1)
    truths = [some.kinds[some.labels[i]] for i in tests]
    right = np.mean([a.label == t for a, t in zip(answers, truths, strict=True)])
    assert found["1"] == pytest.approx([100 * right])
    assert len(found["5"]) == 1
