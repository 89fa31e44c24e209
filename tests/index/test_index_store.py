import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from edits import EditedIndex

from textshot.engine import Engine
from textshot.errors import ConflictError, IndexFormatError, IndexNotFoundError, PublishError
from textshot.index import EncoderIdentity, Index, generations, rollback
from textshot.index.disk import files as files_module
from textshot.index.disk import store as store_module
from textshot.index.entries import text_hash
from textshot.testing import HashingEncoder, toy_categories, toy_engine
from textshot.types import Category, DecisionSettings, Example

SECRET = "my secret text, grüße 🎉"


def load(folder):
    return Engine.load(folder, encoder=HashingEncoder())


def names_in(folder):
    return sorted(p.name for p in folder.iterdir() if p.name != ".lock")


def bytes_in(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def holds(folder, text):
    """Whether any file of the folder has the text in it, raw or as JSON escapes."""
    forms = [text.encode(), text.encode("unicode_escape"), text.split(",")[0].encode()]
    return any(form in data for data in bytes_in(folder).values() for form in forms)


def grow(folder, times):
    """Publish `times` more generations; generation n has n - 1 categories more than the toy."""
    engine = load(folder)
    for _ in range(times):
        engine.add([Category(f"extra {engine.index.generation}", examples=["something"])])
        engine.save(folder)
    return engine


# Saved = loaded

ODD_TEXTS = [
    "two\nlines\r\nand\rmore",
    "separators \u2028 \u2029 \x85 \x0b \x0c \x1c \x1e",
    "emoji 👩‍👩‍👧 and 日本語",
    "controls \x01\x02\x1f\x7f",
    "lone \ud800 and \udfff, a pair in two halves \ud83d\ude00",
    "quotes \" ' \\ / {} []",
    " blanks around ",
    "",
]


def test_saved_is_loaded_value_by_value(tmp_path, contents):
    index = EditedIndex(3)
    categories = [
        Category(
            "Größe/日本\u2028x",
            "a description\u2028with a separator \ud800",
            tuple(Example(text, f"source {n}") for n, text in enumerate(ODD_TEXTS)),
            parent="clothes \udfff",
            threshold=-0.25,
            metadata={"team": "a\nb", "": "", "🎉": "\u2029", "x": "\ud800"},
        ),
        Category("plain"),
        Category("no text", None, (Example(None, "correction"),), threshold=np.float32(0.5)),
        Category("zero", threshold=0),
    ]
    rows = np.random.default_rng(0).normal(size=(2 + len(ODD_TEXTS) + 1 + 3 + 1, 3))
    index.add(categories, rows)
    probe = np.array([0, 0.6, 0.8], np.float32)
    index.set(
        encoder=EncoderIdentity("f-1", {"name": "dir/\udcff", "revision": None, "n": 3}, probe),
        decision=DecisionSettings(0.1 + 0.2, "by hand", 4, 7, True, False, 1.5),
        private=False,
    )
    index.save(tmp_path / "index")
    loaded = Index.load(tmp_path / "index")
    assert contents(loaded.state) == contents(index.state)
    assert loaded.state.vectors.tobytes() == index.state.vectors.tobytes()
    assert loaded.categories == tuple(sorted(categories, key=lambda c: c.name))
    assert (loaded.generation, loaded.path) == (1, tmp_path / "index")


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("names", [True, False])
def test_few_categories_are_loaded_as_they_were_saved(tmp_path, contents, at, n, names):
    index = EditedIndex(2, use_names=names)
    index.add([Category(f"c{i}", examples=["x"]) for i in range(n)], at(*range(n * (1 + names))))
    index.save(tmp_path / "index")
    assert contents(Index.load(tmp_path / "index").state) == contents(index.state)


def test_answers_are_the_same_after_loading(folder):
    texts = ["where is my parcel", "I forgot my password", "the weather on Mars", "", "open?"]
    before, after = toy_engine(threshold="auto"), load(folder)
    assert after.classify(texts) == before.classify(texts)
    assert after.decision == before.decision


def test_loading_uses_no_pickle(folder, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pickle was used")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert load(folder).classify(["my parcel"])[0].label == "late parcel"


def test_a_change_leaves_the_stored_keys_of_all_others_bit_for_bit(folder):
    before = {e.category.name: e.vectors.tobytes() for e in Index.load(folder).state.entries}
    engine = load(folder)
    engine.add([Category("extra", examples=["something"])])
    engine.remove("late parcel")
    engine.save(folder)
    after = {e.category.name: e.vectors.tobytes() for e in Index.load(folder).state.entries}
    del before["late parcel"], after["extra"]
    assert after == before


def test_the_same_index_gets_the_same_files_again(folder, tmp_path):
    toy_engine(threshold="auto").save(tmp_path / "again")
    ours = [n for n in names_in(folder) if n.startswith(("vectors-", "categories-"))]
    assert len(ours) == 2
    for name in ours:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_threshold_of_equal_categories_can_be_loaded_again(tmp_path):
    for n in range(20):  # rounding takes the cosine of some of these texts with itself past 1
        same = [Category(f"c{i}", examples=[f"the same text {n}"]) for i in range(5)]
        engine = Engine.build(same, encoder=HashingEncoder(), use_names=False)
        engine.save(tmp_path / str(n))
        assert 0.999 < load(tmp_path / str(n)).decision.threshold <= 1


# Generations


def test_generations_are_listed_newest_first(folder):
    grow(folder, 2)
    listed = generations(folder)
    assert [(g.number, g.categories, g.keys, g.current) for g in listed] == [
        (3, 7, 14, True),
        (2, 6, 12, False),
        (1, 5, 10, False),
    ]
    assert all(g.problem is None and g.created.endswith("Z") for g in listed)


def test_rollback_brings_the_one_before_back_as_a_new_generation(folder, contents):
    before = contents(load(folder).index.state)
    grow(folder, 1)
    assert rollback(folder) == 3
    loaded = load(folder)
    assert (loaded.index.generation, contents(loaded.index.state)) == (3, before)
    assert [(g.number, g.categories) for g in generations(folder)] == [(3, 5), (2, 6), (1, 5)]


def test_rollback_goes_to_the_number_that_is_asked_for(folder):
    grow(folder, 3)
    assert rollback(folder, to=2) == 5
    assert len(load(folder).categories) == 6
    assert rollback(folder, to=4) == 6
    assert len(load(folder).categories) == 8


def test_rollback_again_and_again_goes_on_backwards_from_what_is_shown(folder):
    grow(folder, 2)
    assert (rollback(folder), len(load(folder).categories)) == (4, 6)
    assert (rollback(folder), len(load(folder).categories)) == (5, 5)
    assert [g.restores for g in generations(folder)] == [1, 2, None, None, None]
    with pytest.raises(
        IndexFormatError, match=r"cannot go further back; it can go --to 4, 3, 2, 1"
    ):
        rollback(folder)


@pytest.mark.parametrize("to", [0, 3, 99])
def test_rollback_to_what_is_not_there_is_refused_with_what_is(folder, to):
    grow(folder, 2)
    before = bytes_in(folder)
    with pytest.raises(
        IndexFormatError, match=f"cannot go back to generation {to}; it can go --to 2, 1$"
    ):
        rollback(folder, to=to)
    assert bytes_in(folder) == before


def test_a_first_generation_has_nothing_before_it(folder):
    with pytest.raises(IndexFormatError, match="no other whole generation is left"):
        rollback(folder)


def test_rollback_passes_over_a_damaged_generation(folder):
    grow(folder, 2)
    second = generations(folder)[1].number
    (folder / f"generation-{second:06d}.json").write_bytes(b"{")
    assert "not valid JSON" in generations(folder)[1].problem
    assert rollback(folder) == 4
    assert len(load(folder).categories) == 5


@pytest.mark.parametrize("damage", ["changed", "deleted"])
def test_rollback_mends_an_index_without_a_manifest(folder, contents, damage):
    before = contents(grow(folder, 1).index.state)
    if damage == "deleted":
        (folder / "index.json").unlink()
    else:
        (folder / "index.json").write_bytes(b"{")
    assert [g.current for g in generations(folder)] == [False, False]
    assert rollback(folder) == 3
    assert contents(load(folder).index.state) == before


@pytest.mark.parametrize("ask", [generations, rollback])
def test_where_no_index_is_there_are_no_generations(tmp_path, ask):
    with pytest.raises(IndexNotFoundError, match="there is no index at"):
        ask(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_generations_beyond_the_last_five_go_when_the_grace_time_is_over(folder, monkeypatch):
    grow(folder, 6)
    assert [g.number for g in generations(folder)] == [7, 6, 5, 4, 3, 2, 1]
    monkeypatch.setattr(store_module, "GRACE_SECONDS", 0.0)
    grow(folder, 1)
    assert [g.number for g in generations(folder)] == [8, 7, 6, 5, 4]
    assert not any(g.problem for g in generations(folder))
    assert len(names_in(folder)) == 1 + 5 * 3


def test_files_that_no_generation_names_stay_for_the_grace_time(folder, monkeypatch):
    stray = folder / "vectors-00000000.safetensors"
    stray.write_bytes(b"x")
    grow(folder, 1)
    assert stray.exists()
    monkeypatch.setattr(store_module, "GRACE_SECONDS", 0.0)
    grow(folder, 1)
    assert not stray.exists()


def test_strangers_files_are_never_collected(folder, monkeypatch):
    monkeypatch.setattr(store_module, "GRACE_SECONDS", 0.0)
    strangers = ["notes.txt", "vectors-xyz.safetensors", "vectors-0123abcd.safetensors.bak"]
    for name in strangers:
        (folder / name).write_text("mine")
    grow(folder, 6).save(folder, purge=True)
    assert set(strangers) <= set(names_in(folder))


def test_what_a_dead_writer_left_is_cleared_up(folder):
    (folder / ".tmp-123-abcd").write_bytes(b"half")
    grow(folder, 1)
    assert not (folder / ".tmp-123-abcd").exists()


def test_purge_deletes_all_older_generations_and_their_files_at_once(folder):
    engine = grow(folder, 3)
    assert engine.save(folder, purge=True) == 5
    assert [g.number for g in generations(folder)] == [5]
    kinds = [name.split("-")[0] for name in names_in(folder)]
    assert kinds == ["categories", "generation", "index.json", "vectors"]
    assert len(load(folder).categories) == 8


def test_a_file_that_was_damaged_is_written_anew(folder):
    for path in folder.glob("vectors-*"):
        path.write_bytes(b"damaged")
    toy_engine(threshold="auto").save(folder, overwrite=True)
    assert len(load(folder).categories) == 5


# Private


def secret_engine(**options):
    secret = Category("secret", SECRET, (Example(SECRET),), metadata={"team": "x"})
    return Engine.build([*toy_categories(), secret], encoder=HashingEncoder(), **options)


def test_a_private_index_has_texts_in_none_of_its_files(tmp_path):
    engine = secret_engine(private=True)
    engine.save(tmp_path / "index")
    assert not holds(tmp_path / "index", SECRET)
    assert not holds(tmp_path / "index", "I want my money back")
    loaded = load(tmp_path / "index")
    assert loaded.index.state.private
    found = loaded.index.state.entry("secret").category
    assert (found.description, found.examples) == (
        None,
        (Example(None, text_hash=text_hash(SECRET)),),
    )
    assert not found.metadata  # any column of the table may be there, a text too
    assert not holds(tmp_path / "index", "team")


def test_a_private_index_gives_the_same_answers(tmp_path):
    texts = [SECRET, "where is my parcel", "qqq"]
    secret_engine(private=True).save(tmp_path / "index")
    private, plain = load(tmp_path / "index").classify(texts), secret_engine().classify(texts)
    assert [p.label for p in private] == [p.label for p in plain]
    assert [p.score for p in private] == [p.score for p in plain]
    assert private[0].matches[0].key.text is None


def test_a_private_index_stays_private_after_a_later_change(tmp_path, contents):
    secret_engine(private=True).save(tmp_path / "index")
    engine = load(tmp_path / "index")
    engine.add_example("late parcel", SECRET)
    engine.add([Category("another", SECRET)])
    engine.save(tmp_path / "index")
    assert not holds(tmp_path / "index", SECRET)
    again = load(tmp_path / "index")
    assert again.index.state.private
    assert [e.text for e in again.index.state.entry("late parcel").category.examples] == [
        None,
        None,
    ]
    again.save(tmp_path / "index")
    assert contents(load(tmp_path / "index").index.state) == contents(again.index.state)


def test_becoming_private_with_purge_takes_the_texts_out_of_every_file(tmp_path):
    engine = secret_engine()
    engine.save(tmp_path / "index")
    assert holds(tmp_path / "index", SECRET)
    engine.save(tmp_path / "index", private=True, purge=True)
    assert not holds(tmp_path / "index", SECRET)
    assert [g.number for g in generations(tmp_path / "index")] == [2]


# Other writers


def test_a_stale_handle_is_refused_and_writes_nothing(folder):
    first, second = load(folder), load(folder)
    first.remove("late parcel")
    first.save(folder)
    before = bytes_in(folder)
    second.remove("opening hours")
    with pytest.raises(
        ConflictError, match=r"at generation 2, and was at 1 .* Nothing was written"
    ):
        second.save(folder)
    assert bytes_in(folder) == before


def test_a_handle_can_be_saved_again_and_again(folder):
    engine = load(folder)
    assert [engine.save(folder) for _ in range(3)] == [2, 3, 4]


def test_a_rollback_makes_other_handles_stale(folder):
    engine = grow(folder, 1)
    rollback(folder)
    with pytest.raises(ConflictError, match="at generation 3, and was at 2"):
        engine.save(folder)


def test_an_index_that_went_away_makes_handles_stale(folder):
    engine = load(folder)
    shutil.rmtree(folder)
    with pytest.raises(ConflictError, match="at generation 0, and was at 1"):
        engine.save(folder)


def test_another_index_is_not_overwritten_unless_asked(folder):
    before = bytes_in(folder)
    engine = secret_engine()
    with pytest.raises(ConflictError, match=r"already \(generation 1\)\. Say overwrite=True"):
        engine.save(folder)
    assert bytes_in(folder) == before
    assert engine.save(folder, overwrite=True) == 2
    assert "secret" in load(folder).index.labels
    assert rollback(folder) == 3


def test_a_relative_path_is_the_same_place(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert load("index").save(folder) == 2
    assert load(folder).save("index") == 3


HOLDER = """
import sys
from pathlib import Path
from textshot.index.disk.files import writers_lock
with writers_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_that_another_process_holds_is_a_conflict(folder, monkeypatch):
    monkeypatch.setattr(files_module, "LOCK_SECONDS", 0.2)
    engine, before = load(folder), bytes_in(folder)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        for change in (lambda: engine.save(folder), lambda: rollback(folder)):
            with pytest.raises(ConflictError, match="another process has been writing"):
                change()
        assert bytes_in(folder) == before
        load(folder)  # readers need no lock
        holder.stdin.close()
    assert engine.save(folder) == 2


def test_two_threads_do_not_write_at_once(folder):
    results = []

    def change(name):
        engine = load(folder)
        barrier.wait()
        engine.remove(name)
        try:
            results.append(engine.save(folder))
        except ConflictError:
            results.append("conflict")

    barrier = threading.Barrier(2)
    names = ("late parcel", "opening hours")
    threads = [threading.Thread(target=change, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [2, "conflict"]


# Places that cannot be written


def test_a_folder_of_other_things_is_not_made_an_index(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(PublishError, match=r"other things in it \('thesis.txt'\)"):
        toy_engine().save(tmp_path)
    with pytest.raises(PublishError, match="other things in it"):
        toy_engine().save(tmp_path, overwrite=True, purge=True)
    assert names_in(tmp_path) == ["thesis.txt"]


def test_a_folder_that_may_not_be_listed_is_reported(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(PublishError, match=r"write the index .*: Permission denied"):
        toy_engine().save(tmp_path)


def test_an_empty_folder_becomes_an_index(tmp_path):
    assert toy_engine().save(tmp_path) == 1
    assert len(load(tmp_path).categories) == 5


def test_a_missing_parent_is_not_made(tmp_path):
    with pytest.raises(PublishError, match="does not exist"):
        toy_engine().save(tmp_path / "no" / "index")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_stays(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PublishError, match="is a file, and an index is a folder"):
        toy_engine().save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("data", [b"{}", b"", b"not json"])
def test_a_damaged_or_foreign_manifest_is_not_overwritten(folder, data):
    (folder / "index.json").write_bytes(data)
    before = bytes_in(folder)
    with pytest.raises(
        PublishError, match=r"It is not overwritten: .* lists what can be rolled back to"
    ):
        toy_engine().save(folder, overwrite=True)
    assert bytes_in(folder) == before


def test_a_file_system_that_is_read_only_refuses_writers_and_serves_readers(folder, monkeypatch):
    engine, before, real = load(folder), bytes_in(folder), os.open

    def read_only(path, flags, *rest, **options):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(30, "Read-only file system", path)
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(PublishError, match=r"Read-only file system\. What was there before"):
        engine.save(folder)
    with pytest.raises(PublishError, match="Read-only file system"):
        rollback(folder)
    assert load(folder).classify(["my parcel"])[0].label == "late parcel"
    monkeypatch.undo()
    assert bytes_in(folder) == before


# Places that cannot be read


def test_a_missing_index_says_how_to_make_one(tmp_path):
    with pytest.raises(IndexNotFoundError, match=r"\(nothing is there\)\. Make one with `textshot"):
        Index.load(tmp_path / "nothing")
    with pytest.raises(IndexNotFoundError, match=r"\(it is empty or another kind of folder\)"):
        Index.load(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(IndexNotFoundError, match=r"\(it is a file\)"):
        Index.load(tmp_path / "file")
