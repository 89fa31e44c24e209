"""Texts that fit nothing, in memory and in the files of an index."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from edits import EditedIndex

from textshot import Engine
from textshot.errors import InvalidCategoriesError, InvalidTextsError, TextshotError
from textshot.index import Index, generations, rollback
from textshot.index.disk import store as store_module
from textshot.index.entries import text_hash
from textshot.testing import HashingEncoder, toy_engine
from textshot.types import Adaptation, Category, Example

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
SECRET = "my secret text, grüße 🎉"
ODD_TEXTS = [
    "two\nlines\r\nand\rmore",
    "separators \u2028 \u2029 \x85 \x0b \x0c",
    "emoji 👩‍👩‍👧 and 日本語",
    "lone \ud800 and \udfff",
    "quotes \" ' \\ / {} []",
    " blanks around ",
]


@pytest.fixture
def index(at):
    """East and west, and north fits none."""
    index = EditedIndex(2)
    index.add([Category("east"), Category("west")], at(0, 180))
    index.add_out_of_scope([Example("north")], at(90))
    return index


@pytest.fixture
def unfit(folder):
    """The toy shop in its second generation, with two texts that fit nothing."""
    engine = Engine.load(folder)
    engine.add_out_of_scope(["my parcel shelf", "out of office"])
    engine.save(folder)
    return folder


def nothing_of(folder):
    found = Index.load(folder).state.out_of_scope
    return None if found is None else [e.text for e in found.examples]


def manifest_of(folder):
    return json.loads((folder / "index.json").read_bytes())


def files_of(folder, role="*"):
    return sorted(p.name for p in folder.glob(f"{role}-*") if "generation" not in p.name)


# In memory


def test_texts_and_vectors_stay_beside_each_other(index, at):
    index.add_out_of_scope([Example("south"), Example("north-east")], at(270, 45))
    index.remove_out_of_scope(["north"])
    found = index.state.out_of_scope
    assert [e.text for e in found.examples] == ["south", "north-east"]
    np.testing.assert_array_equal(found.vectors, at(270, 45))


def test_of_a_text_that_is_there_the_new_one_stays(index, at):
    index.add_out_of_scope([Example("north", "correction")], at(91))
    assert index.state.out_of_scope.examples == (Example("north", "correction"),)
    np.testing.assert_array_equal(index.state.out_of_scope.vectors, at(91))


def test_vectors_become_unit_rows(index):
    index.add_out_of_scope([Example("far")], [[0, -7]])
    np.testing.assert_array_equal(index.state.out_of_scope.vectors[1], [0, -1])


def test_removing_passes_over_what_is_not_there(index):
    before = index.state
    index.remove_out_of_scope(["east", "x"])
    assert index.state is before
    index.remove_out_of_scope(["x", "north"])
    assert index.state.out_of_scope is None
    index.remove_out_of_scope(["north"])
    assert index.state.out_of_scope is None


def test_a_text_given_twice_is_refused(index, at):
    before = index.state
    with pytest.raises(InvalidCategoriesError, match=r"is given twice\. Give it once"):
        index.add_out_of_scope([Example("south"), Example("south")], at(270, 270))
    assert index.state is before


def test_a_state_that_was_taken_before_stays_as_it_was(index, at):
    before = index.state
    index.add_out_of_scope([Example("south")], at(270))
    index.remove_out_of_scope(["north"])
    assert [e.text for e in before.out_of_scope.examples] == ["north"]


def test_the_categories_and_their_vectors_stay_as_they_are(index, at):
    entries, search = index.state.entries, index.search(at(10))
    index.add_out_of_scope([Example("south")], at(270))
    assert index.state.entries is entries
    assert [found.tolist() for found in index.search(at(10))] == [s.tolist() for s in search]


def test_an_adapted_index_takes_and_forgets_none(index, at):
    moved = EditedIndex(2)
    moved.commit(index.state.with_prototypes(at(1, 181), Adaptation(60)))
    assert moved.state.out_of_scope is index.state.out_of_scope
    with pytest.raises(InvalidCategoriesError, match="adapted to a batch of texts"):
        moved.add_out_of_scope([Example("south")], at(270))
    with pytest.raises(InvalidCategoriesError, match="adapted to a batch of texts"):
        moved.remove_out_of_scope(["north"])
    moved.remove_out_of_scope(["x"])


def test_texts_and_vectors_of_another_number_are_refused(index, at):
    with pytest.raises(TextshotError, match="vectors"):
        index.add_out_of_scope([Example("south")], at(270, 271))


def test_vectors_of_other_dimensions_are_refused(index):
    with pytest.raises(TextshotError, match=r"shape \(1, 3\); \(1, 2\) is needed"):
        index.add_out_of_scope([Example("south")], [[1, 0, 0]])


def test_vectors_of_other_dimensions_remove_nothing_and_are_refused(index):
    before = index.state
    with pytest.raises(InvalidTextsError, match="vectors have 3 dimensions, the index has 2"):
        index.remove_out_of_scope([], [[1, 0, 0]])
    assert index.state is before


def test_none_added_is_none(tmp_path):
    index = EditedIndex(2)
    index.add_out_of_scope([], np.empty((0, 2)))
    assert index.state.out_of_scope is None


def test_one_string_is_not_taken_for_many_texts(index):
    with pytest.raises(TypeError, match="give a list"):
        index.remove_out_of_scope("north")


# In files


def test_saved_is_loaded_value_by_value(tmp_path, contents):
    index = EditedIndex(3)
    index.add([Category("plain")], [[1, 2, 3]])
    examples = [Example(text, f"source {n}", n) for n, text in enumerate(ODD_TEXTS)]
    index.add_out_of_scope(examples, np.random.default_rng(0).normal(size=(len(examples), 3)))
    index.save(tmp_path / "index")
    loaded = Index.load(tmp_path / "index")
    assert loaded.state.out_of_scope.examples == tuple(examples)
    assert contents(loaded.state) == contents(index.state)
    loaded.save(tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "index")


def test_without_categories_they_are_saved_as_well(tmp_path, at, contents):
    index = EditedIndex(2)
    index.add_out_of_scope([Example("north")], at(90))
    index.save(tmp_path / "index")
    assert contents(Index.load(tmp_path / "index").state) == contents(index.state)


def test_the_manifest_asks_for_a_reader_that_knows_them_only_where_there_are_some(folder):
    assert manifest_of(folder)["requires"] == ["fusion"]
    engine = Engine.load(folder)
    engine.add_out_of_scope(["x"])
    engine.save(folder)
    assert manifest_of(folder)["requires"] == ["fusion", "nothing"]
    assert sorted(manifest_of(folder)["files"]) == ["categories", "nothing", "vectors"]
    engine.remove_out_of_scope("x")
    engine.save(folder)
    assert manifest_of(folder)["requires"] == ["fusion"]
    assert sorted(manifest_of(folder)["files"]) == ["categories", "vectors"]


def test_what_a_reader_must_know_is_in_order(tmp_path):
    options = {"encoder": HashingEncoder(16), "network": "prototypical", "unknown_rate": 0.8}
    engine = Engine.build([Category("a", examples=["x"]), Category("b", examples=["y"])], **options)
    engine.add_out_of_scope(["z"])
    engine.save(tmp_path / "index")
    wanted = ["decision", "fusion", "network", "nothing"]
    assert manifest_of(tmp_path / "index")["requires"] == wanted
    loaded = Engine.load(tmp_path / "index")
    assert loaded.classify(["x", "z"]) == engine.classify(["x", "z"])


def test_without_any_the_files_are_byte_for_byte_those_of_before(folder, tmp_path):
    engine = toy_engine(threshold="auto")
    engine.add_out_of_scope(["x", "y"])
    engine.remove_out_of_scope("x")
    engine.remove_out_of_scope("y")
    engine.save(tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(folder)
    for name in files_of(folder):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("name", ["index", "private", "network"])
def test_an_index_of_before_is_written_again_as_it_was(name, tmp_path):
    """Files are called by their contents."""
    old = manifest_of(GOLDEN / name)
    Index.load(GOLDEN / name).save(tmp_path / "again")
    new = manifest_of(tmp_path / "again")
    assert new["files"] == old["files"]
    assert new["requires"] == old["requires"]
    assert Index.load(GOLDEN / name).state.out_of_scope is None


def test_the_categories_file_does_not_depend_on_them(folder, unfit):
    first = json.loads((folder / "generation-000001.json").read_bytes())["files"]
    second = manifest_of(unfit)["files"]
    assert second["categories"] == first["categories"]
    assert second["vectors"] != first["vectors"]


# Private


def holds(folder, text):
    forms = [text.encode(), text.encode("unicode_escape"), text.split(",")[0].encode()]
    return any(form in path.read_bytes() for path in folder.iterdir() for form in forms)


@pytest.mark.parametrize("how", ["add_out_of_scope", "correct"])
def test_a_private_index_leaves_the_texts_out_and_keeps_the_vectors(tmp_path, how):
    engine = toy_engine(threshold=0.25)
    if how == "correct":
        engine.correct(SECRET, None)
    else:
        engine.add_out_of_scope([SECRET])
    engine.save(tmp_path / "index", private=True)
    assert not holds(tmp_path / "index", SECRET)
    found = Index.load(tmp_path / "index").state.out_of_scope
    [example] = engine.index.state.out_of_scope.examples
    assert found.examples == (Example(None, example.source, text_hash=text_hash(SECRET)),)
    assert found.vectors.tobytes() == engine.index.state.out_of_scope.vectors.tobytes()


def test_becoming_private_with_purge_takes_the_texts_out_of_every_file(folder):
    engine = Engine.load(folder)
    engine.add_out_of_scope([SECRET])
    engine.save(folder)
    assert holds(folder, SECRET)
    engine.save(folder, private=True, purge=True)
    assert not holds(folder, SECRET)
    assert nothing_of(folder) == [None]


def test_a_private_index_takes_more_and_stays_private(tmp_path, contents):
    toy_engine().save(tmp_path / "index", private=True)
    for text in (SECRET, "another"):
        engine = Engine.load(tmp_path / "index")
        engine.add_out_of_scope([text])
        engine.save(tmp_path / "index")
    assert not holds(tmp_path / "index", SECRET)
    again = Index.load(tmp_path / "index")
    assert again.state.out_of_scope.examples == tuple(
        Example(None, text_hash=text_hash(text)) for text in (SECRET, "another")
    )
    again.save(tmp_path / "index")
    assert contents(Index.load(tmp_path / "index").state) == contents(again.state)


# Generations


def test_rollback_takes_them_away_and_brings_them_back(unfit):
    text = "my parcel shelf"
    assert Engine.load(unfit).classify([text])[0].label is None
    rollback(unfit, to=1)
    assert nothing_of(unfit) is None
    assert Engine.load(unfit).classify([text])[0].label == "late parcel"
    rollback(unfit, to=2)
    assert nothing_of(unfit) == [text, "out of office"]
    assert Engine.load(unfit).classify([text])[0].label is None


def test_a_generation_whose_texts_are_damaged_is_listed_as_that(unfit):
    toy_engine(threshold="auto").save(unfit, overwrite=True)
    next(unfit.glob("nothing-*")).write_bytes(b"{}\n")
    problems = {g.number: g.problem for g in generations(unfit)}
    assert problems[1] is None
    assert "nothing-" in problems[2]
    assert rollback(unfit) == 4
    assert nothing_of(unfit) is None


def test_purge_deletes_the_texts_of_older_generations(unfit):
    engine = Engine.load(unfit)
    engine.remove_out_of_scope("my parcel shelf")
    engine.save(unfit)
    assert len(files_of(unfit, "nothing")) == 2
    engine.save(unfit, purge=True)
    assert len(files_of(unfit, "nothing")) == 1
    assert not holds(unfit, "my parcel shelf")
    engine.remove_out_of_scope("out of office")
    engine.save(unfit, purge=True)
    assert files_of(unfit, "nothing") == []


def test_their_file_stays_while_a_generation_can_be_brought_back_and_then_goes(unfit, monkeypatch):
    monkeypatch.setattr(store_module, "GRACE_SECONDS", 0.0)
    engine = Engine.load(unfit)
    engine.remove_out_of_scope("my parcel shelf")
    engine.remove_out_of_scope("out of office")
    for _ in range(4):
        engine.save(unfit)
    assert len(files_of(unfit, "nothing")) == 1
    rollback(unfit, to=2)
    assert nothing_of(unfit) == ["my parcel shelf", "out of office"]
    rollback(unfit, to=6)
    engine = Engine.load(unfit)
    for _ in range(4):
        engine.save(unfit)
    assert files_of(unfit, "nothing") == []


def test_what_is_left_of_an_index_is_no_stranger(unfit, tmp_path):
    left = tmp_path / "left"
    left.mkdir()
    shutil.copy(next(unfit.glob("nothing-*")), left)
    assert toy_engine().save(left) == 1
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "nothing-0123abcd.txt").write_text("mine")
    with pytest.raises(TextshotError, match="other things in it"):
        toy_engine().save(stranger)
