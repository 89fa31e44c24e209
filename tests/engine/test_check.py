"""The doctor: findings by hand, on a circle, and what it leaves in peace."""

import numpy as np
import pytest

from textshot import Category, Engine, FunctionEncoder
from textshot.encoders import TruncationStats
from textshot.engine.category_geometry import CategoryGeometry, best_other
from textshot.engine.check import REMEDIES, TITLES, FindingKind, check_texts

# A name at the first angle, an example at the second: ten degrees apart is usual here.
GOOD = [
    Category("0", examples=["10"]),
    Category("60", examples=["70"]),
    Category("120", examples=["130"]),
]


def engine(categories, compass, **settings):
    return Engine.build(categories, encoder=compass, **settings)


def kinds(engine):
    return [(finding.kind, finding.label, finding.other) for finding in engine.check()]


def cos(degrees):
    return np.cos(np.radians(degrees))


def test_good_categories_are_left_in_peace(compass):
    assert engine(GOOD, compass).check() == []
    assert engine(GOOD[:1], compass).check() == []


def test_the_scale_is_how_much_nearer_examples_are_to_their_own_name(compass):
    sides = CategoryGeometry.of(engine(GOOD, compass).index.state)
    # each example is 10 degrees from its name; 10 is 50 and 110 from 60 and 120, and so on
    others = np.mean([cos(d) for d in (50, 110, 70, 50, 130, 70)])
    assert sides.scale == pytest.approx(cos(10) - others, abs=1e-6)


def test_an_example_nearer_to_another_name_is_astray(compass):
    found = engine([*GOOD, Category("200", examples=["125"])], compass).check()
    [astray] = [finding for finding in found if finding.kind is FindingKind.ASTRAY]
    assert (astray.label, astray.other, astray.text) == ("200", "120", "125")
    # 125 is 75 degrees from its name, and lies on the mean of 120 and 130
    assert astray.reason == (
        "its example has a cosine of 1.00 with “120” and 0.26 with what else stands for “200”"
    )
    assert astray.remedy == REMEDIES[FindingKind.ASTRAY]


def test_of_several_examples_the_one_astray_is_named(compass):
    bad = Category("220", examples=["225", "61", "66"])
    [finding] = [f for f in engine([*GOOD, bad], compass).check() if f.kind == "astray"]
    assert (finding.label, finding.other, finding.text) == (
        "220",
        "60",
        "61",
    )  # 159 degrees away; 66 is 154


def test_examples_are_compared_with_each_other_where_names_are_left_out(compass):
    bad = Category("c4", examples=["250", "65", "70"])
    good = [
        Category("c1", examples=["10", "15"]),
        Category("c2", examples=["68", "72"]),
        Category("c3", examples=["130", "135"]),
    ]
    found = engine([*good, bad], compass, use_names=False).check()
    assert [f.other for f in found if f.kind == "astray" and f.label == "c4"] == ["c2"]


def test_a_name_that_says_nothing_of_its_examples(compass):
    found = engine([*GOOD, Category("south", examples=["60"])], compass).check()
    assert ("name", "south", None) in [(f.kind, f.label, f.other) for f in found]


def test_opaque_names_are_one_finding():
    codes = {f"c{i}": i for i in range(30)}
    rng = np.random.default_rng(0)
    vectors = {text: rng.normal(size=24) for text in [*codes, *(f"text {i}" for i in range(30))]}
    encoder = FunctionEncoder(
        lambda texts: [vectors.get(text, np.ones(24)) for text in texts], name="random"
    )
    made = Engine.build(
        [Category(c, examples=[f"text {i}"]) for c, i in codes.items()], encoder=encoder
    )
    assert [(f.kind, f.label) for f in made.check()] == [("name", None)]


def test_two_categories_near_each_other_are_reported_once(compass):
    found = engine([*GOOD, Category("62", examples=["69"])], compass).check()
    near = [f for f in found if f.kind == "overlap"]
    assert [(f.label, f.other) for f in near] == [("60", "62")]
    assert "its vector has a cosine of 1.00 with that of “62” (usual: " in near[0].reason


def test_the_same_example_in_two_categories(compass):
    both = [Category("100", examples=["west"]), Category("180", examples=[" West"])]
    found = engine(both, compass).check()
    assert (found[0].kind, found[0].label, found[0].other) == ("conflict", "180", "100")
    assert found[0].text == " West"


def test_examples_with_little_in_common(compass):
    tight = [Category(str(a), examples=[str(a + 2), str(a + 6)]) for a in (0, 60, 120, 180)]
    wide = Category("270", examples=["240", "345"])
    found = [f for f in engine([*tight, wide], compass).check() if f.kind == "wide"]
    assert [f.label for f in found] == ["270"]
    assert f"is {cos(105):.2f}; of a usual category {cos(4):.2f}" in found[0].reason


def test_findings_come_by_kind_and_each_kind_has_words():
    assert set(TITLES) == set(REMEDIES) == set(FindingKind)


def test_a_private_index_is_checked_and_shows_no_text(compass, tmp_path):
    made = engine([*GOOD, Category("200", examples=["125"])], compass, private=True)
    made.save(tmp_path / "private")
    found = Engine.load(tmp_path / "private", encoder=compass).check()
    assert [(f.kind, f.label, f.text) for f in found if f.kind == "astray"] == [
        ("astray", "200", None)
    ]


def test_nothing_is_found_in_an_empty_index(compass):
    made = engine(GOOD, compass)
    for category in GOOD:
        made.remove(category.name)
    assert made.check() == []


def test_long_descriptions_and_examples_are_found_one_by_one(compass):
    asked = []

    def read(texts):
        asked.append(len(texts))
        return TruncationStats(len(texts), sum(len(text) > 3 for text in texts), 3)

    made = engine(
        [Category("0", examples=["10"]), Category("60", description="65.5", examples=["70.25"])],
        compass,
    )
    found = check_texts(made.index.state, read)
    assert [(f.kind, f.label, f.text) for f in found] == [
        ("long", "60", "65.5"),
        ("long", "60", "70.25"),
    ]
    assert found[0].reason == "longer than the 3 tokens that are read; the rest is not"
    assert asked == [5, 1, 1, 1, 1, 1]
    asked.clear()
    assert check_texts(engine(GOOD, compass).index.state, read) == []
    assert asked == [6]


def test_another_language_is_found_by_the_real_encoder(real_encoder):
    german = [
        f"Wo bleibt mein Päckchen, das ich vergangene Woche bestellt habe, Nummer {i}?"
        for i in range(12)
    ]
    made = Engine.build(
        [Category("Lohn"), Category("Verzug", examples=[*german])], encoder=real_encoder
    )
    [found] = [f for f in made.check() if f.kind is FindingKind.LANGUAGE]
    assert found.label is None
    assert "% of the word pieces" in found.reason


def test_the_best_other_category_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    rows, against = rng.normal(size=(5000, 6)).astype(np.float32), rng.normal(size=(9, 6))
    against = against.astype(np.float32)
    owners = rng.integers(0, 9, 5000)
    best, who = best_other(rows, owners, against)
    for i in range(0, 5000, 97):
        cosines = {j: rows[i] @ against[j] for j in range(9) if j != owners[i]}
        assert who[i] == max(cosines, key=cosines.get)
        assert best[i] == pytest.approx(max(cosines.values()), abs=1e-5)
