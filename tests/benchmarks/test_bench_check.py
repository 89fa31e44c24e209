"""The benchmark of `textshot check` on a tiny set; the page and the guides match its results."""

import json
from pathlib import Path

import pytest

from benchmarks import check
from benchmarks.accuracy.sets import Set
from textshot.encoders import PrecomputedEncoder
from textshot.testing import HashingEncoder

ROOT = Path(__file__).parents[2]
WORDS = {
    "parcel": ["late", "lost", "broken", "wet"],
    "money": ["back", "twice", "gone", "owed"],
    "login": ["fails", "slow", "locked", "lost"],
}


@pytest.fixture
def some(tmp_path):
    for split, ending in (("train", ""), ("test", " please")):
        rows = [
            {"text": f"{word} {kind} {n}{ending}", "label": kind}
            for kind, words in WORDS.items()
            for word in words
            for n in range(5)
        ]
        (tmp_path / "tiny").mkdir(exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "tiny" / f"{split}.jsonl").write_text(lines)
    return Set(tmp_path, "tiny", "label")


@pytest.fixture
def table(some):
    texts = list(dict.fromkeys([*some.kinds, *some.texts, *some.tests]))
    return PrecomputedEncoder(texts, HashingEncoder().encode(texts), name="hashing")


def test_rounds_of_labels_are_those_of_the_picks(some, table):
    asked = []

    def first(engine, pool, n, seed):
        asked.append(len(pool))
        return list(pool[:n])

    found = check.rounds(some, table, first, draws=2, n_rounds=2)
    assert [len(draw) for draw in found] == [3, 3]
    assert asked == [57, 54] * 2  # three examples, and three labels a round, are not asked again
    assert all(0 <= share <= 100 for draw in found for share in draw)


def test_flags_are_counted_against_what_fails(some, table):
    found = check.checks(some, table, 1, draws=2)
    for draw in found:
        assert draw["categories"] == 3
        flagged, right = draw["kinds"][check.ANY]
        assert 0 <= right <= min(flagged, draw["failing"])
    assert found == check.checks(some, table, 1, draws=2)


def measured():
    return json.loads(check.RESULTS.read_text(encoding="utf-8"))


def test_the_page_is_made_of_the_results():
    assert (ROOT / check.PAGE).read_text(encoding="utf-8") == check.page(measured())


def test_the_claims_of_the_guides_were_measured():
    ways = measured()["banking77"]["suggest"]
    gains = {
        way: sum(draw[1] - draw[0] for draw in draws) / len(draws) for way, draws in ways.items()
    }
    shots = (ROOT / "docs/shots.md").read_text(encoding="utf-8").splitlines()
    [claim] = [line for line in shots if f"gained {gains['suggest']:.1f} points" in line]
    assert f"{gains['random']:.1f} at random" in claim
    shares = json.loads((ROOT / "benchmarks/results/pipelines.json").read_text())["median_share"]
    usual, large = (f"{100 * share:.0f} %" for share in shares.values())
    pipelines = (ROOT / "docs/pipelines.md").read_text(encoding="utf-8").splitlines()
    [claim] = [line for line in pipelines if "of the rate of the library" in line]
    assert usual in claim
    assert large in claim
