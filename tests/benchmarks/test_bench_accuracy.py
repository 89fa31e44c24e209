"""The benchmark of accuracy on a little made-up data: what a cell holds is what an engine says."""

import json

import numpy as np
import pytest

from benchmarks.accuracy import __main__ as command
from benchmarks.accuracy import measure, sets
from benchmarks.accuracy.plot import plot
from benchmarks.accuracy.sets import Set, out_of_scope, zipf
from benchmarks.accuracy.tables import page
from benchmarks.data import load
from textshot import Category, Engine, load_encoder

WORDS = {
    "late_parcel": "parcel late courier delivery tracking",
    "refund": "money back refund charged twice",
    "login": "password login account reset email",
}
FOLDERS = [folder for folder, *_ in (*sets.SETS.values(), *sets.OPEN.values())]
NOISE = ("please", "hello", "my", "the", "again", "today", "still", "why")


def rows(label, words, n, seed):
    rng = np.random.default_rng(seed)
    own, noise = words.split(), list(NOISE)
    for i in range(n):
        text = " ".join([*rng.choice(own, 2, replace=False), *rng.choice(noise, 2), str(i)])
        yield {"text": f"{text} {seed}", "label": label}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, labels in (("shop", WORDS), ("other", {"weather": "sun rain wind snow cloud"})):
        (folder / name).mkdir()
        for split, n, seed in (("train", 15, 0), ("test", 30, 100)):
            made = [
                row
                for i, (label, words) in enumerate(labels.items())
                for row in rows(label, words, n, seed + i)
            ]
            lines = "".join(json.dumps(row) + "\n" for row in made)
            (folder / name / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _small():
    small = {"shop": ("shop", "label", "other"), "other": ("other", "label", "shop")}
    with pytest.MonkeyPatch.context() as patch:
        for module in (sets, measure, command):
            patch.setattr(module, "SETS", small)
        patch.setattr(sets, "OPEN", {"shop": ("other", "test")})
        yield


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("hashing")


@pytest.fixture(scope="module")
def cell(_small, data, encoder):
    return measure.set_cell("shop", data, encoder, draws=2)


def test_a_cell_holds_what_an_engine_answers(data, encoder, cell):
    some = Set(data, "shop", "label")
    assert (cell["n_way"], cell["n_test"]) == (3, 90)
    for seed in range(2):
        examples = some.draw(3, seed)
        categories = [Category(k, examples=[*e]) for k, e in zip(some.kinds, examples, strict=True)]
        for setting, names in (("both", True), ("example", False)):
            engine = Engine.build(categories, encoder=encoder, use_names=names, threshold=None)
            answers = [p.label for p in engine.classify(some.tests, k=1)]
            truths = [some.kinds[t] for t in some.truths]
            right = 100 * np.mean([a == t for a, t in zip(answers, truths, strict=True)])
            assert cell["accuracy"][setting]["3"][seed] == pytest.approx(right)
    shots = {str(n) for n in sets.SHOTS}
    for setting in ("both, mean", "both + batch", "logistic", "logistic + name"):
        assert set(cell["accuracy"][setting]) == shots
    assert set(cell["accuracy"]["batch, zipf: change"]) == {"1", "5"}
    assert len(cell["accuracy"]["name"]["0"]) == 1


def test_fewer_examples_of_a_draw_are_the_first_of_more(data):
    some = Set(data, "shop", "label")
    for one, five in zip(some.draw(1, 7), some.draw(5, 7), strict=True):
        assert one == five[:1]
    assert [len(e) for e in some.draw(1000, 0)] == [15, 15, 15]  # all there are


def test_a_zipf_stream_is_skewed_and_holds_no_test_twice():
    truths = np.repeat(np.arange(5), 400)
    shares = np.zeros(5)
    for seed in range(40):
        chosen = zipf(truths, 5, seed)
        assert len(set(chosen.tolist())) == 1000
        shares += np.sort(np.bincount(truths[chosen], minlength=5))[::-1]
    assert shares[0] > 2 * shares[-1]


def test_out_of_scope_texts_have_their_share(data):
    texts = out_of_scope(data, "other", 7, seed=0)
    assert len(texts) == 3  # 3 beside 7
    assert set(texts) <= set(Set(data, "shop", "label").tests)
    assert len(out_of_scope(data, "shop", 10_000, seed=0)) == 30  # no more than there are


def test_the_open_figures_by_hand(compass):
    engine = Engine.build([Category("east"), Category("north")], encoder=compass, threshold=0.9)
    fitting, truths = _at(0, 10, 90, 45), np.array([0, 1, 1, 0])
    found = measure._open_figures(engine, fitting, truths, _at(180, 200, 5))
    # Right and near enough: the first and the third; 45 degrees is unknown, and so are two of
    # the three others.
    assert found["accuracy"] == pytest.approx(50)
    assert found["recall"] == pytest.approx(200 / 3)
    assert found["precision"] == pytest.approx(200 / 3)
    # 12 pairs: the score of 5 degrees is above those of 10 and 45.
    assert found["auroc"] == pytest.approx(100 * 10 / 12)


def _at(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_the_page_and_the_picture_show_the_cells(cell, tmp_path):
    text = page({"banking77": cell})
    assert text.count("| banking77 | 3 |") == len(sets.SHOTS)
    assert "| hwu64 | - | - |" in text
    plot({"banking77": cell}, tmp_path / "accuracy.png")
    plot({}, tmp_path / "nothing.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["accuracy.png"]


def test_few_draws_stay_away_from_the_published_figures(data, monkeypatch):
    monkeypatch.setattr("sys.argv", ["accuracy", "--data", str(data), "--draws", "2"])
    with pytest.raises(SystemExit, match="no published figure"):
        command.main()


def test_a_set_that_is_not_there_is_reported_with_its_source(tmp_path):
    for folder in {folder.partition("/")[0] for folder in FOLDERS}:
        with pytest.raises(SystemExit, match=f"Get {folder} from .*github.com"):
            load(tmp_path, folder, "train")


def test_without_data_the_command_says_so(monkeypatch):
    monkeypatch.setattr("sys.argv", ["accuracy"])
    with pytest.raises(SystemExit, match="--data FOLDER"):
        command.main()
