"""A served index: generations are swapped as a whole, and changed on disk first."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from textshot import Category, Engine
from textshot.encoders import HashingEncoder
from textshot.errors import IndexFormatError, InvalidCategoriesError, TextshotError
from textshot.service.errors import APIError
from textshot.service.served_index import Encoders, ServedIndex

CATEGORIES = [
    Category("sport", examples=["the match was won"]),
    Category("food", examples=["bread and soup"]),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Engine.build(CATEGORIES, encoder=HashingEncoder()).save(tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture
def served(folder: Path) -> ServedIndex:
    result = ServedIndex("news", folder, Encoders())
    result.refresh()
    return result


def add(name: str):
    return lambda engine: (engine.add([Category(name, examples=[f"about {name}"])]), True)


def damage(folder: Path) -> bytes:
    """Flip a byte of the vectors; return what was there."""
    [path] = folder.glob("vectors-*.safetensors")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (folder / "index.json").touch()
    return data


def test_a_new_generation_on_disk_is_loaded(served: ServedIndex, folder: Path):
    before = served.current
    assert not served.has_changed()
    other = Engine.load(folder)
    other.add([Category("law", examples=["the court decided"])])
    other.save(folder)
    assert served.has_changed()
    assert served.current is before  # until it is loaded whole
    served.refresh()
    assert served.current.generation == before.generation + 1
    assert served.current.engine.index.labels == ("food", "law", "sport")
    assert before.engine.index.labels == ("food", "sport")  # who has it goes on with it


def test_a_damaged_generation_is_refused_and_the_old_one_stays(
    served: ServedIndex, folder: Path, caplog: pytest.LogCaptureFixture
):
    before = served.current
    damage(folder)
    with caplog.at_level(logging.ERROR), pytest.raises(IndexFormatError, match=r"damaged|checksum"):
        served.refresh()
    assert served.current is before
    assert served.n_load_errors == 1
    assert served.load_error is not None
    [record] = caplog.records
    assert (record.event, record.index) == ("reload_failed", "news")


def test_a_damage_is_logged_once_and_its_repair_is_noticed(served: ServedIndex, folder: Path):
    data = damage(folder)
    for _ in range(3):
        with pytest.raises(IndexFormatError):
            served.refresh()
    assert served.n_load_errors == 1
    [path] = folder.glob("vectors-*.safetensors")
    path.write_bytes(data)  # the manifest is the same, and so is its time
    served.refresh()
    assert served.load_error is None


def test_a_folder_that_is_gone_is_refused_and_the_old_one_stays(served: ServedIndex, folder: Path):
    shutil.rmtree(folder)
    assert served.has_changed()
    with pytest.raises(TextshotError, match="there is no index"):
        served.refresh()
    assert served.current.generation == 1


def test_a_change_is_on_disk_and_served(served: ServedIndex, folder: Path):
    assert served.change(add("law"), None) == (None, 2, True)
    assert served.current.engine.index.labels == ("food", "law", "sport")
    assert Engine.load(folder).index.labels == ("food", "law", "sport")
    assert not served.has_changed()


def test_a_change_that_changes_nothing_makes_no_generation(served: ServedIndex):
    assert served.change(lambda engine: ("same", False), None) == ("same", 1, False)


def test_a_change_for_another_generation_is_refused(served: ServedIndex):
    served.change(add("law"), 1)
    with pytest.raises(APIError, match="at generation 2, and the change was made for 1") as caught:
        served.change(add("art"), 1)
    assert (caught.value.status, caught.value.code) == (409, "stale_generation")
    assert served.current.generation == 2


def test_a_change_that_is_refused_leaves_everything_as_it_was(served: ServedIndex, folder: Path):
    before = served.current
    with pytest.raises(InvalidCategoriesError, match="sport"):
        served.change(lambda engine: (engine.remove("food", "sportt"), True), None)
    assert served.current is before
    assert Engine.load(folder).index.labels == ("food", "sport")


def test_another_writer_in_the_middle_of_a_change_loses_nothing(served: ServedIndex, folder: Path):
    calls = []

    def change(engine: Engine) -> tuple[None, bool]:
        calls.append(engine.index.generation)
        if len(calls) == 1:  # another process is quicker
            other = Engine.load(folder)
            other.add([Category("law", examples=["the court decided"])])
            other.save(folder)
        return engine.add([Category("art", examples=["a picture"])]), True

    assert served.change(change, None) == (None, 3, True)
    assert calls == [1, 2]
    assert Engine.load(folder).index.labels == ("art", "food", "law", "sport")


def test_with_a_generation_named_another_writer_in_the_middle_is_a_conflict(
    served: ServedIndex, folder: Path
):
    def change(engine: Engine) -> tuple[None, bool]:
        other = Engine.load(folder)
        other.remove("food")
        other.save(folder)
        return engine.add([Category("art", examples=["a picture"])]), True

    with pytest.raises(APIError, match="another writer was first"):
        served.change(change, 1)
    assert Engine.load(folder).index.labels == ("sport",)


def test_indexes_of_one_encoder_share_it(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "other")
    encoders = Encoders()
    both = [ServedIndex(name, tmp_path / name, encoders) for name in ("index", "other")]
    for served in both:
        served.refresh()
    assert both[0].current.engine.encoder is both[1].current.engine.encoder
