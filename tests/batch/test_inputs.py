"""What an input names: files, folders, patterns, each file once and in an order that stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from textshot.batch.inputs import find_sources
from textshot.errors import TableError
from textshot.io import Format


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(*names):
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text\nx\n")


def paths(*inputs, **options):
    return [source.path for source in find_sources(inputs, **options).sources]


def test_a_file_is_itself():
    make("a.csv")
    [source] = find_sources(["a.csv"]).sources
    assert (source.path, source.format, source.size, dict(source.partition)) == (
        "a.csv",
        Format.CSV,
        7,
        {},
    )


def test_a_folder_stands_for_the_files_in_it_and_below_by_name():
    make("in/b.csv", "in/a.jsonl", "in/deep/c.tsv.gz")
    assert paths("in") == ["in/a.jsonl", "in/b.csv", "in/deep/c.tsv.gz"]


def test_hidden_files_and_notes_of_other_programs_are_left_out():
    make("in/a.csv", "in/.b.csv", "in/_SUCCESS", "in/_temporary/c.csv", "in/.git/d.csv")
    found = find_sources(["in"])
    assert [source.path for source in found.sources] == ["in/a.csv"]
    assert found.skipped == ()


def test_files_of_no_known_format_are_reported_and_left_out_of_folders():
    make("in/a.csv", "in/read.me")
    found = find_sources(["in"])
    assert [source.path for source in found.sources] == ["in/a.csv"]
    assert found.skipped == ("in/read.me",)
    assert paths("in", format=Format.CSV) == ["in/a.csv", "in/read.me"]


def test_json_files_in_a_folder_are_left_out_unless_they_are_meant():
    make("in/a.jsonl", "in/b.json", "in/run.json")
    assert paths("in") == ["in/a.jsonl"]
    assert paths("in/*") == ["in/a.jsonl"]
    assert paths("in/*.json") == ["in/b.json", "in/run.json"]
    assert paths("in/b.json") == ["in/b.json"]


def test_a_pattern_stands_for_what_it_matches():
    make("logs/2026-02.csv", "logs/2026-01.csv", "logs/2025-12.csv", "logs/x/2026-03.csv")
    assert paths("logs/2026-*.csv") == ["logs/2026-01.csv", "logs/2026-02.csv"]
    assert paths("logs/**/2026-0[13].csv") == ["logs/2026-01.csv", "logs/x/2026-03.csv"]
    assert paths("lo?s") == sorted(paths("logs"))


def test_a_pattern_leaves_out_the_notes_of_other_programs_unless_they_are_meant():
    make("out/part-0.csv", "out/_textshot/rejects.csv", "out/_old.csv", "out/.tmp.csv")
    for pattern in ("out/*", "out/**", "out/**/*.csv", "o*"):
        assert paths(pattern) == ["out/part-0.csv"]
    assert paths("out/_textshot/*") == ["out/_textshot/rejects.csv"]
    assert paths("out/_*.csv") == ["out/_old.csv"]


def test_what_is_skipped_is_reported_once():
    make("in/a.csv", "in/deep/read.me")
    assert find_sources(["in/**", "in"]).skipped == ("in/deep/read.me",)


def test_packed_files_are_known_in_folders():
    make("in/a.csv.zst", "in/b.txt.bz2", "in/c.jsonl.xz", "in/d.tsv.gz", "in/e.parquet.gz")
    found = find_sources(["in"])
    assert [s.format for s in found.sources] == [Format.CSV, Format.TEXT, Format.JSONL, Format.TSV]
    assert found.skipped == ("in/e.parquet.gz",)


def test_a_file_whose_name_looks_like_a_pattern_is_a_file():
    make("a[1].csv")
    assert paths("a[1].csv") == ["a[1].csv"]


def test_each_file_is_read_once_however_often_it_is_named():
    make("in/a.csv", "in/b.csv")
    Path("link.csv").symlink_to("in/a.csv")
    assert paths("in/b.csv", "in", "link.csv", "in/*.csv") == ["in/b.csv", "in/a.csv"]


def test_names_of_folders_are_columns_as_hive_writes_them():
    make("in/country=de/year=2026/a.csv", "in/country=__HIVE_DEFAULT_PARTITION__/b.csv")
    make("in/country=c%C3%B4te%20d/c.csv")
    found = {s.path: dict(s.partition) for s in find_sources(["in"]).sources}
    assert found == {
        "in/country=de/year=2026/a.csv": {"country": "de", "year": "2026"},
        "in/country=__HIVE_DEFAULT_PARTITION__/b.csv": {"country": None},
        "in/country=c%C3%B4te%20d/c.csv": {"country": "côte d"},
    }
    [one] = find_sources(["in/country=d*/**/*.csv"]).sources
    assert dict(one.partition) == {"country": "de", "year": "2026"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["no.csv"], "no.csv: there is no such file"),
        (["empty"], "empty: no file is there"),
        (["*.csv"], r"\*.csv: no file is there"),
        (
            ["odd"],
            r"odd: none of the 1 files has a known extension \(odd/a.xyz\)",
        ),
        (["a.xyz"], "a.xyz: the extension does not tell the format"),
    ],
)
def test_an_input_without_a_file_is_an_error(inputs, message):
    Path("empty").mkdir()
    make("odd/a.xyz", "a.xyz")
    with pytest.raises(TableError, match=message):
        find_sources(inputs)


def test_a_file_that_changes_is_no_longer_as_it_was():
    make("a.csv", "b.csv")
    first, second = find_sources(["a.csv", "b.csv"]).sources
    assert first.is_unchanged()
    Path("a.csv").write_text("text\ny\n")
    os.utime("a.csv", ns=(0, first.modified + 1))
    Path("b.csv").unlink()
    assert not first.is_unchanged()
    assert not second.is_unchanged()
