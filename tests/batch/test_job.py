"""A job: resumed, finished, refused; never a mixture of two runs."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from job_files import content, write_rows

from textshot import Engine
from textshot.batch import categorize, shards
from textshot.batch.run_log import RunLog, locked
from textshot.errors import ConflictError, InvalidCategoriesError, TableError
from textshot.io import Format, open_table, text_column
from textshot.testing import HashingEncoder, toy_categories, toy_engine
from textshot.types import Category


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


def rows(path):
    with open_table(path) as table:
        found = []
        for batch in table.batches():
            columns = [text_column(batch.data, [name]) for name in table.columns]
            found += zip(*columns, strict=True)
        return [tuple(table.columns), *found]


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir() if path.name != "lock")


class Stop(Exception):
    pass


def stop_after(n):
    """An `advance` that raises when it is called for the n-th time."""
    calls = []

    def advance(rows, fraction):
        calls.append(rows)
        if len(calls) == n:
            raise Stop

    return advance


def answers_counted(monkeypatch):
    """How many rows a worker answers from now on, a number for each shard."""
    from textshot.batch.worker import Worker

    counted, answered = [], Worker.answer

    def counting(self, data):
        counted.append(data.num_rows)
        return answered(self, data)

    monkeypatch.setattr(Worker, "answer", counting)
    return counted


@pytest.mark.parametrize("output", ["out.csv", "parts/"])
def test_a_job_goes_on_where_it_stopped(engine, monkeypatch, output):
    write_rows("in.csv", 1000)
    with pytest.raises(Stop):
        categorize(engine, "in.csv", output, shard_rows=100, on_progress=stop_after(4))
    assert not Path("out.csv").exists()
    counted = answers_counted(monkeypatch)
    report = categorize(engine, "in.csv", output, shard_rows=100)
    assert len(counted) == 6
    assert (report.read, report.written, report.rejected, report.n_resumed) == (1000, 990, 10, 4)


@pytest.mark.parametrize("output", ["out.csv", "parts/"])
def test_a_job_that_stopped_ends_as_one_that_did_not(engine, output):
    for folder, stops in (("one", ()), ("two", (1, 3, 2))):
        Path(folder).mkdir()
        os.chdir(folder)
        write_rows("in.csv", 1000)
        os.utime("in.csv", (1, 1))
        for n in stops:
            with pytest.raises(Stop):
                categorize(engine, "in.csv", output, shard_rows=100, on_progress=stop_after(n))
        categorize(engine, "in.csv", output, shard_rows=100)
        os.chdir("..")
    assert content("one") == content("two")


@pytest.mark.parametrize("output", ["out.csv", "parts/"])
def test_what_is_finished_is_not_done_again(engine, monkeypatch, output):
    write_rows("in.csv", 300)
    first = categorize(engine, "in.csv", output, shard_rows=100)
    before, counted = content("."), answers_counted(monkeypatch)
    again = categorize(engine, "in.csv", output, shard_rows=100)
    assert (counted, again.n_resumed) == ([], 3)
    assert again.to_dict() == first.to_dict()
    assert content(".") == before
    categorize(engine, "in.csv", output, shard_rows=100, restart=True)
    assert len(counted) == 3
    assert content(".") == before


def test_an_output_that_was_touched_is_made_again(engine, monkeypatch):
    write_rows("in.csv", 300)
    categorize(engine, "in.csv", "out.csv", shard_rows=100)
    whole = Path("out.csv").read_bytes()
    Path("out.csv").write_text("gone")
    counted = answers_counted(monkeypatch)
    categorize(engine, "in.csv", "out.csv", shard_rows=100)
    assert (len(counted), Path("out.csv").read_bytes()) == (3, whole)


def test_a_part_that_is_gone_is_made_again(engine, monkeypatch):
    write_rows("in.csv", 300)
    with pytest.raises(Stop):
        categorize(engine, "in.csv", "parts/", shard_rows=100, on_progress=stop_after(2))
    Path("parts/part-00000-00000.csv").unlink()
    counted = answers_counted(monkeypatch)
    report = categorize(engine, "in.csv", "parts/", shard_rows=100)
    assert (len(counted), report.read) == (2, 300)


def test_a_file_and_a_folder_have_the_same_rows(engine):
    write_rows("in.csv", 300)
    one = categorize(engine, "in.csv", "out.csv", shard_rows=100)
    parts = categorize(engine, "in.csv", "parts/", shard_rows=100)
    assert one.tally == parts.tally
    assert names("parts") == ["_textshot", *(f"part-00000-0000{i}.csv" for i in range(3))]
    joined = [row for i in range(3) for row in rows(f"parts/part-00000-0000{i}.csv")[1:]]
    assert rows("out.csv")[1:] == joined
    assert (
        Path("out.csv.rejects.csv").read_bytes() == Path("parts/_textshot/rejects.csv").read_bytes()
    )


def test_other_readers_see_a_folder_of_parquet_as_one_table(engine):
    write_rows("in.csv", 300)
    report = categorize(engine, "in.csv", "parts/", shard_rows=100, output_format=Format.PARQUET)
    found = pyarrow.dataset.dataset("parts", format="parquet").to_table()
    assert found.num_rows == report.written == 297
    assert found.schema.names == ["id", "text", "label", "score", "margin"]
    part = pq.ParquetFile("parts/part-00000-00001.parquet")
    assert part.metadata.metadata[b"textshot.run"].decode() == report.fingerprint


def test_rows_of_another_index_are_never_among_those_of_this_one(engine):
    write_rows("in.csv", 300)
    with pytest.raises(Stop):
        categorize(engine, "in.csv", "parts/", shard_rows=100, on_progress=stop_after(2))
    before = content("parts")
    engine.add([Category("lost card", examples=["my card is gone"])])
    with pytest.raises(TableError, match=r"parts/: holds rows of another run; the index changed"):
        categorize(engine, "in.csv", "parts/", shard_rows=100)
    assert content("parts") == before
    report = categorize(engine, "in.csv", "parts/", shard_rows=100, restart=True)
    assert (report.read, report.n_resumed) == (300, 0)
    assert "lost card" in report.tally.counts


def test_one_file_is_made_anew_for_another_index_and_whole_at_every_moment(engine):
    write_rows("in.csv", 300)
    categorize(engine, "in.csv", "out.csv", shard_rows=100)
    before = Path("out.csv").read_bytes()
    engine.add([Category("lost card", examples=["my card is gone"])])
    with pytest.raises(Stop):
        categorize(engine, "in.csv", "out.csv", shard_rows=100, on_progress=stop_after(2))
    assert Path("out.csv").read_bytes() == before
    report = categorize(engine, "in.csv", "out.csv", shard_rows=100)
    assert report.n_resumed == 2
    assert {row[2] for row in rows("out.csv")[1:]} == set(report.tally.counts)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"threshold": 0.5}, r"the options \(threshold\)"),
        ({"text_columns": ["id"]}, r"the options \(text_columns\)"),
        ({"shard_rows": 50}, r"the options \(shard_rows\)"),
        ({"limit": 10}, r"the options \(rows\)"),
        ({"escape": False}, r"the options \(escape\)"),
    ],
)
def test_other_options_are_another_run(engine, options, what):
    write_rows("in.csv", 300)
    categorize(engine, "in.csv", "parts/", shard_rows=100)
    with pytest.raises(TableError, match=what):
        categorize(engine, "in.csv", "parts/", **{"shard_rows": 100, **options})


def test_another_encoder_is_another_run(engine):
    write_rows("in.csv", 300)
    categorize(engine, "in.csv", "parts/")
    other = Engine.build(toy_categories(), encoder=HashingEncoder(dim=64), threshold=0.25)
    with pytest.raises(TableError, match="the index, the encoder or its backend changed"):
        categorize(other, "in.csv", "parts/")


def test_a_changed_input_is_noticed(engine):
    write_rows("in.csv", 300)
    write_rows("more.csv", 300)
    categorize(engine, ["in.csv", "more.csv"], "parts/")
    write_rows("more.csv", 301)
    with pytest.raises(TableError, match=r"the input \(1 files, such as more.csv\)"):
        categorize(engine, ["in.csv", "more.csv"], "parts/")


def test_a_folder_with_something_else_is_left_alone(engine):
    write_rows("in.csv", 10)
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    with pytest.raises(TableError, match="mine: this folder holds files"):
        categorize(engine, "in.csv", "mine")
    assert names("mine") == ["letter.txt"]


def test_of_two_jobs_on_one_output_the_second_is_reported_and_touches_nothing(engine):
    write_rows("in.csv", 300)
    with pytest.raises(Stop):
        categorize(engine, "in.csv", "parts/", shard_rows=100, on_progress=stop_after(1))
    before = content("parts")
    with (
        locked(Path("parts/_textshot"), "parts/"),
        pytest.raises(ConflictError, match="parts/: another process is writing this output"),
    ):
        categorize(engine, "in.csv", "parts/", shard_rows=100, restart=True)
    assert content("parts") == before


@pytest.mark.parametrize("output", ["parts/", "out.csv"])
def test_a_stop_right_after_the_line_of_the_first_shard_loses_nothing(engine, monkeypatch, output):
    append = RunLog._append

    def stopped(self, record):
        append(self, record)
        raise Stop

    write_rows("in.csv", 300)
    monkeypatch.setattr(RunLog, "_append", stopped)
    with pytest.raises(Stop):
        categorize(engine, "in.csv", output, shard_rows=100)
    monkeypatch.setattr(RunLog, "_append", append)
    report = categorize(engine, "in.csv", output, shard_rows=100)
    assert (report.read, report.n_resumed) == (300, 1)


def test_an_input_that_cannot_be_used_leaves_nothing_behind(engine):
    Path("in.csv").write_text("a,b\n1,2\n")
    for output in ("parts/", "out.csv"):
        with pytest.raises(TableError, match="no column 'text'"):
            categorize(engine, "in.csv", output)
    assert names(".") == ["in.csv"]


def test_a_run_of_a_later_version_is_refused(engine):
    write_rows("in.csv", 10)
    categorize(engine, "in.csv", "parts/")
    path = Path("parts/_textshot/run.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(TableError, match=r"run.json has format 2, this textshot reads 1"):
        categorize(engine, "in.csv", "parts/")
    path.write_text("{")
    with pytest.raises(TableError, match=r"run.json is damaged .* Start again with --restart"):
        categorize(engine, "in.csv", "parts/")
    assert categorize(engine, "in.csv", "parts/", restart=True).read == 10


def test_metadata_of_the_category_is_added_by_choice():
    categories = [
        Category("money", "", (), metadata={"team": "finance", "sla": "2 days"}),
        Category("parcel", "", (), metadata={"team": "logistics"}),
    ]
    engine = Engine.build(categories, encoder=HashingEncoder(), threshold=0.3)
    Path("in.csv").write_text("text,team\nmoney,x\nparcel,y\nzzz qqq,z\n")
    categorize(engine, "in.csv", "out.csv", metadata=["team", "sla"])
    header, *found = rows("out.csv")
    assert header == ("text", "team", "label", "score", "margin", "team_textshot", "sla")
    assert [row[5:] for row in found] == [("finance", "2 days"), ("logistics", ""), ("", "")]
    with pytest.raises(InvalidCategoriesError, match=r"metadata 'owner'; there is sla, team"):
        categorize(engine, "in.csv", "out.csv", metadata=["owner"])


def test_the_first_rows_or_a_sample_of_them(engine):
    write_rows("in.csv", 1000)
    write_rows("more.csv", 1000)
    few = categorize(engine, ["in.csv", "more.csv"], "few.csv", limit=1250, shard_rows=100)
    assert few.read == 1250
    whole = categorize(engine, ["in.csv", "more.csv"], "whole.csv", shard_rows=100)
    assert whole.read == 2000
    assert rows("few.csv")[1:] == rows("whole.csv")[1:][: few.written]
    some = categorize(engine, ["in.csv", "more.csv"], "some.csv", sample=0.25, shard_rows=100)
    assert 400 < some.read < 600
    assert set(rows("some.csv")) <= set(rows("whole.csv"))
    other = categorize(engine, ["in.csv", "more.csv"], "other.csv", sample=0.25, seed=1)
    assert rows("other.csv") != rows("some.csv")
    assert 400 < other.read < 600


def test_progress_is_reported_by_rows_and_by_the_share_of_all_files(engine):
    write_rows("a.csv", 200)
    write_rows("b.csv", 200)
    told = []
    categorize(
        engine, ["a.csv", "b.csv"], "out.csv", shard_rows=100, on_progress=lambda *x: told.append(x)
    )
    assert sum(n for n, _ in told) == 400
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_several_processes_write_what_one_writes(engine):
    write_rows("in.csv", 1000)
    categorize(engine, "in.csv", "one/", shard_rows=100, processes=1)
    categorize(engine, "in.csv", "two/", shard_rows=100, processes=2)
    one, two = content("one"), content("two")
    assert one.keys() == two.keys()
    assert all(two[name] == one[name] for name in one if name.startswith("part-"))


def test_an_adapted_job_adapts_once(engine, monkeypatch):
    write_rows("in.csv", 1000)
    with pytest.raises(Stop):
        categorize(
            engine, "in.csv", "parts/", adapt=True, shard_rows=100, on_progress=stop_after(3)
        )
    with monkeypatch.context() as patched:
        patched.setattr("textshot.batch.job.sample_texts", None)  # is not asked again
        report = categorize(engine, "in.csv", "parts/", adapt=True, shard_rows=100)
    assert report.n_resumed == 3
    assert report.adaptation.n_texts > 50
    whole = categorize(engine, "in.csv", "whole.csv", adapt=True, shard_rows=100)
    assert whole.tally == report.tally


def test_what_was_answered_so_far_is_reported_with_what_was_done_before(engine):
    write_rows("in.csv", 1000)
    told = []
    with pytest.raises(Stop):
        categorize(engine, "in.csv", "parts/", shard_rows=100, on_progress=stop_after(4))
    report = categorize(
        engine,
        "in.csv",
        "parts/",
        shard_rows=100,
        on_counts=lambda counts: told.append(dict(counts)),
    )
    totals = [sum(counts.values()) for counts in told]
    assert len(totals) == 6
    assert totals == sorted(totals)
    assert totals[0] > 400  # four shards of before, and one
    assert told[-1] == report.tally.counts


@pytest.mark.parametrize("output", ["out.csv", "parts/"])
def test_a_file_that_could_not_be_read_is_tried_again(engine, monkeypatch, output):
    for name in "ab":
        write_rows(f"{name}.csv", 300)
    gathered = shards._gathered

    def failing(plan, file, *others):
        for i, found in enumerate(gathered(plan, file, *others)):
            if (file, i) == (0, 1):
                raise TableError("a.csv: cannot be read (the disk is tired)")
            yield found

    with monkeypatch.context() as patched:
        patched.setattr(shards, "_gathered", failing)
        first = categorize(engine, ["a.csv", "b.csv"], output, shard_rows=100)
        again = categorize(engine, ["a.csv", "b.csv"], output, shard_rows=100)
    assert (first.read, again.read, again.n_resumed) == (400, 400, 4)
    assert again.failed == first.failed == [("a.csv", "a.csv: cannot be read (the disk is tired)")]
    last = categorize(engine, ["a.csv", "b.csv"], output, shard_rows=100)
    assert (last.read, last.failed, last.n_resumed) == (600, [], 4)
    whole = categorize(engine, ["a.csv", "b.csv"], "whole.csv", shard_rows=100)
    assert last.tally == whole.tally
    assert output != "out.csv" or rows("out.csv") == rows("whole.csv")


def test_what_is_kept_in_memory_of_a_shard_does_not_grow_with_the_categories(tmp_path):
    engine = Engine.build(
        [Category(f"number {i}") for i in range(300)], encoder=HashingEncoder(), threshold=None
    )
    Path("in.csv").write_text("text\n" + "".join(f"number {i % 300}\n" for i in range(3000)))
    with pytest.raises(Stop):
        categorize(engine, "in.csv", "parts/", shard_rows=300, on_progress=stop_after(9))
    run = RunLog(Path("parts/_textshot"), {})
    run.read(lambda key: Path(f"parts/part-{key[0]:05d}-{key[1]:05d}.csv").stat().st_size)
    assert len(run.shards) == 9
    assert len(pickle.dumps(run.shards)) < 100 * 9
    assert [tally.written for tally in run.tallies()] == [300] * 9
