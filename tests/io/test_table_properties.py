"""Any table survives being written and read: names, texts, separators, encodings, column orders."""

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textshot._characters import is_blank
from textshot.io import Format, open_table, open_writer, text_column
from textshot.io.categories import read_labelled_texts
from textshot.io.delimited import escaped, unescaped
from textshot.io.dialect import SEPARATORS, Dialect

pytestmark = pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")

fixed = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

HARD = ["=1", "-minus", "@you", "'", "' ", '"', "\n", "\r", "\t", ";", "|", ",", "-5", "sep=;", "x"]
# A NUL is no text to a reader, and half a character has no encoding.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.lists(st.sampled_from(HARD) | st.text(CHARACTERS, max_size=6), max_size=5).map("".join)
NAMES = st.lists(TEXTS.filter(str.strip), min_size=1, max_size=4, unique=True)
VISIBLE = TEXTS.filter(lambda text: not is_blank(text))


@st.composite
def tables(draw, texts=TEXTS):
    names = draw(NAMES)
    rows = draw(st.lists(st.tuples(*[texts] * len(names)), max_size=8))
    return names, rows


def write(path, names, rows, **options):
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    arrays = [pa.array(column, pa.string()) for column in columns]
    batch = pa.RecordBatch.from_arrays(arrays, names=names)
    with open_writer(path, batch.schema, **options) as writer:
        writer.write(batch)


def read(path, **options):
    with open_table(path, **options) as table:
        batches = list(table.batches())
        columns = [[text_column(b.data, [n]) for n in table.columns] for b in batches]
    assert [reject for batch in batches for reject in batch.rejects] == []
    rows = [row for parts in columns for row in zip(*parts, strict=True)]
    return list(table.columns), rows


@fixed
@given(st.lists(st.text() | TEXTS))
def test_unescaping_is_the_inverse_of_escaping(cells):
    assert unescaped(escaped(cells)) == cells
    assert unescaped(escaped(cells, formulas=False)) == cells
    for cell in escaped(cells):
        is_number = cell[:1] in "+-" and cell[1:2].isdigit()
        assert not cell or cell[0] not in "=+-@\t\r\n\0" or is_number or cell[1:2] == "."


@fixed
@given(st.lists(st.text() | TEXTS))
def test_cells_of_other_people_lose_no_apostrophe(cells):
    own = [f"'{cell}" for cell in cells if not cell.startswith(" ")]
    assert unescaped(own) == own


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.parquet"])
@fixed
@given(table=tables(), escape=st.booleans())
def test_any_table_is_read_as_it_was_written(tmp_path, name, table, escape):
    names, rows = table
    write(tmp_path / name, names, rows, escape=escape)
    if rows or "jsonl" not in name:
        assert read(tmp_path / name) == (names, rows)


@fixed
@given(
    table=tables(),
    separator=st.sampled_from([*SEPARATORS]),
    format=st.sampled_from([Format.CSV, Format.TSV]),
    mark=st.booleans(),
    sep_line=st.booleans(),
)
def test_any_dialect_is_found_again(tmp_path, table, separator, format, mark, sep_line):
    names, rows = table
    if len(names) == 1 and not sep_line:
        separator = "\t" if format is Format.TSV else ","
    dialect = Dialect(format, separator, mark, sep_line)
    path = tmp_path / f"a.{format}"
    write(path, names, rows, dialect=dialect)
    assert read(path) == (names, rows)
    with open_table(path) as opened:
        assert opened.dialect == dialect


@fixed
@given(
    table=tables(st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=8)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_tables_of_other_writers_are_read_as_they_are(tmp_path, table, encoding, quoting, end):
    _, rows = table
    names = [f"n{i}" for i in range(len(table[0]))]
    text = io.StringIO()
    # Python quotes a line feed or a carriage return only if it is part of the line end.
    quoting = csv.QUOTE_ALL if any("\r" in cell for row in rows for cell in row) else quoting
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([names, *rows])
    (tmp_path / "a.csv").write_bytes(text.getvalue().encode(encoding))
    given_encoding = encoding if encoding in ("utf-16-le", "cp1252") else None
    assert read(tmp_path / "a.csv", encoding=given_encoding) == (names, rows)


@fixed
@given(
    rows=st.lists(
        st.tuples(TEXTS.filter(lambda text: not is_blank(text)), TEXTS), min_size=1, max_size=6
    ),
    order=st.permutations(["text", "label", "x"]),
    name=st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet"]),
)
def test_texts_and_labels_do_not_depend_on_the_order_of_columns(tmp_path, rows, order, name):
    cells = {"text": [t for t, _ in rows], "label": [n for _, n in rows], "x": [""] * len(rows)}
    write(tmp_path / name, order, list(zip(*(cells[column] for column in order), strict=True)))
    data = read_labelled_texts(tmp_path / name)
    assert (data.texts, data.cells) == (cells["text"], cells["label"])
