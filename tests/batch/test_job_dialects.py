"""A file is taken apart in the same way, however it is read, and its output looks like it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from textshot.batch import categorize
from textshot.errors import TableWarning
from textshot.io import Format, open_table, text_column
from textshot.testing import toy_engine

ROWS = [f"{i}\tmy parcel, no. {i}\t3,50" for i in range(2, 60)]
ROWS[7] = '9\t"open\t3,50'
ROWS[40] = '42\t5"\t3,50'
DATA = "\n".join(["id\ttext\tprice", *ROWS, ""])


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


def rejects(path):
    with open_table(path) as table:
        [batch] = table.batches()
    return [text_column(batch.data, [name]) for name in ("line", "reason", "row")]


@pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_way_of_reading_gives_the_same_rows(engine, monkeypatch, encoding):
    data = DATA.encode(encoding)
    Path("in.csv").write_bytes(data)
    report = categorize(engine, "in.csv", "one.csv", rejects="one-bad.csv")
    assert (report.read, report.rejected) == (58, 1)
    categorize(engine, "in.csv", "five.csv", rejects="five-bad.csv", shard_rows=5)
    categorize(engine, "in.csv", "parts", rejects="parts-bad.csv", shard_rows=50)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    categorize(engine, "-", "pipe.csv", rejects="pipe-bad.csv", input_format=Format.CSV)
    output = Path("one.csv").read_bytes()
    mark = b"" if encoding == "utf-8" else b"\xef\xbb\xbf"
    header = mark + b"id\ttext\tprice\tlabel\tscore\tmargin\n"
    assert output.startswith(header)
    assert output == Path("five.csv").read_bytes() == Path("pipe.csv").read_bytes()
    parts = [path.read_bytes() for path in sorted(Path("parts").glob("part-*"))]
    assert header + b"".join(part.removeprefix(header) for part in parts) == output
    [[line], [reason], [row]] = found = rejects("one-bad.csv")
    assert (line, row) == ("9", f"{ROWS[7]}\n")
    assert reason.startswith("opens a quote, and the lines up to the next quote are rows")
    assert rejects("five-bad.csv") == rejects("parts-bad.csv") == rejects("pipe-bad.csv") == found


@pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")
def test_files_with_several_separators_give_the_usual_one(engine):
    Path("a.csv").write_text("id;text\n1;my parcel, late\n")
    Path("b.csv").write_text("id\ttext\n2\tmy money\n")
    categorize(engine, ["a.csv", "b.csv"], "out.csv")
    assert (
        Path("out.csv").read_text().startswith('id,text,label,score,margin\n1,"my parcel, late",')
    )


def test_an_unusual_separator_is_told(engine):
    Path("a.csv").write_text("id;text\n1;my parcel, late\n")
    with pytest.warns(TableWarning, match=r"a\.csv: the columns are separated by semicolons"):
        categorize(engine, "a.csv", "out.csv")
