"""A quote too many costs its own row: the rows below it are read, and the place is told."""

import re

import pytest

from textshot.errors import TableWarning
from textshot.io import delimited_rows, open_table


def table_of(n: int, rows: dict[int, str], header: str = "id,text,label") -> bytes:
    """Return a table whose rows, from line 2 on, are numbered by line."""
    width = header.count(",")
    lines = [rows.get(i, ",".join([str(i), *["some words", "late"][:width]])) for i in range(2, n)]
    return "\n".join([header, *lines, ""]).encode()


@pytest.mark.parametrize(
    "rows",
    [
        {30: '30,"the card is lost,card'},
        {30: '30,"the card is lost,card', 170: '170,"a, b",late'},
        {30: '30,"the card is lost,card', 170: '170,a 5" pipe,late'},
        {30: '30,"the card is lost,card', 170: '170,5",late'},
        {30: '30,"the card" is lost,card'},
        {30: '30,"the card is lost,card', 34: '34,5",late'},
    ],
)
def test_a_quote_too_many_costs_one_row(read_bytes, rows):
    found = read_bytes("a.csv", table_of(202, rows))
    assert [reject.line for reject in found.rejects] == [30]
    assert found.rejects[0].row == rows[30] + "\n"
    assert found.lines == [i for i in range(2, 202) if i != 30]
    assert [row[0] for row in found.rows] == [str(i) for i in found.lines]
    assert "quote" in found.reasons[0]


def test_rows_without_numbers_are_found_by_the_labels_of_others(read_bytes):
    lines = ["text,label", *["my card,card", "my box,parcel"] * 15, '"my, parcel"x,late', "x,,y"]
    lines[7], lines[25] = '"open,card', '5",card'
    found = read_bytes("a.csv", "\n".join(lines).encode())
    assert [reject.line for reject in found.rejects] == [8, 32, 33]
    assert len(found.rows) == 29


@pytest.mark.parametrize("start", ["", "7,"])
def test_lines_that_may_be_rows_stay_a_text_and_are_told(tmp_path, start):
    header = ("id," if start else "") + "text,name"
    lines = [header, *[f"{start}card {i},name {i}" for i in range(30)]]
    lines[5], lines[25] = f'{start}"open,name x', f'{start}5",name y'
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    message = re.escape(f"{path}:6: one row has 21 lines, and each looks like a row itself. Check")
    with open_table(path) as table, pytest.warns(TableWarning, match=message):
        [batch] = list(table.batches())
    assert batch.rejects == []
    assert batch.data.num_rows == 10


ORDERS = {
    "items": ("text,label", '"{0}",order', "Item {0}, {0}"),
    "numbers": ("id,text", '{1},"{0}"', "{0}, pipes"),
    "quantities": ("qty,text", '5,"{0}"', "{0}, pipes"),
    "addresses": ("text,label", '"{0}",move', "Main Street {0}, Springfield"),
    "semicolons": ("id;text;label", '{1};"{0}";order', "{0};pipes;metal"),
}


@pytest.mark.parametrize("share", [0.05, 0.5, 1])
@pytest.mark.parametrize(("header", "row", "item"), ORDERS.values(), ids=ORDERS)
@pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")
def test_a_list_in_a_text_is_never_read_as_rows(read_bytes, header, row, item, share):
    texts = ["a short text" for _ in range(60)]
    for i in range(3, 60, round(1 / share)):
        texts[i] = "\n".join(item.format(k) for k in range(1, 16 + i % 5))
    lines = [header, *(row.format(text, i) for i, text in enumerate(texts, 1)), ""]
    found = read_bytes("a.csv", "\n".join(lines).encode())
    assert found.rejects == []
    column = re.split("[,;]", header).index("text")
    assert [cells[column] for cells in found.rows] == texts


def test_texts_that_are_lists_in_many_rows_are_the_manner_of_a_file(read_bytes):
    order = "\n".join(f"Item {k}, {k}" for k in range(1, 20))
    rows = "".join(f'"{order}",order {i}\n' for i in range(30))
    found = read_bytes("a.csv", f"text,label\n{rows}".encode())  # a warning would be an error
    assert len(found.rows) == 30


@pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")
def test_a_number_of_any_length_is_compared_with_others(read_bytes):
    long = "1" * 5000
    rows = [f"{long},a", f'{long},"a\n{long},b', *[f"{long},a"] * 8, f'{long},b"']
    found = read_bytes("a.csv", "\n".join(["id,text", *rows]).encode())
    assert len(found.rows) + len(found.rejects) == 2


def test_a_row_of_several_lines_and_another_width_says_which_lines_are_lost(read_bytes):
    [reason] = read_bytes("a.csv", b'text,label\n"Dear\nSir",a,b\n').reasons
    assert reason == "has 3 fields, the header has 2 (lines 2 to 3 were taken for it)"


def test_the_rows_are_the_same_however_large_the_slices(tmp_path, read):
    rows = {9: '9,"open,x', 40: '40,5",late', 60: '60,"x"y,z', 99: '99,"open,x'}
    (tmp_path / "a.csv").write_bytes(table_of(120, rows))
    whole = read(tmp_path / "a.csv")
    assert [reject.line for reject in whole.rejects] == [9, 60, 99]
    for n in (1, 7, 64):
        assert read(tmp_path / "a.csv", batch_rows=n) == whole


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_read_again_keep_their_line_ends_and_numbers(read_bytes, end):
    data = f'a,b{end}1,"open{end}2,"two{end}lines"{end}3,x{end}'
    found = read_bytes("a.csv", data.encode())
    assert found.rows == [("2", f"two{end}lines"), ("3", "x")]
    assert found.lines == [3, 5]


def test_letters_of_many_lines_are_texts(read_bytes):
    letter = "Dear Sir,\n\nmy card, which I had\nsince May, is lost.\n" * 5 + "Yours, J"
    rows = {i: f'{i},"{letter}",card' for i in range(2, 30)}
    found = read_bytes("a.csv", table_of(30, rows))  # a warning would be an error
    assert found.rejects == []
    assert [row[1] for row in found.rows] == [letter] * 28


def test_a_table_in_a_text_is_part_of_it(read_bytes):
    order = "Please send:\n2, pipes\n5, taps"
    data = f'id,text\n1,hello\n2,"{order}"\n3,"{order}\n6, nuts\n7, bolts\n8, saws"\n'
    found = read_bytes("a.csv", data.encode())
    assert [row[0] for row in found.rows] == ["1", "2", "3"]
    assert found.rejects == []


def test_a_short_text_whose_lines_look_like_rows_is_a_text(read_bytes):
    found = read_bytes("a.csv", b'text,label\n"Hi, you\nthanks",card\nx,y\n')
    assert found.rows == [("Hi, you\nthanks", "card"), ("x", "y")]


def test_a_cell_of_many_lines_in_a_file_of_short_ones_is_told(tmp_path):
    path = tmp_path / "a.csv"
    lines = ["text", *["short"] * 50, '"open', *["short"] * 40, 'the end"', *["short"] * 50, ""]
    path.write_text("\n".join(lines))
    message = re.escape(f"{path}:52: one row has 42 lines, where others have one")
    with open_table(path) as table, pytest.warns(TableWarning, match=message):
        batches = list(table.batches())
    assert sum(batch.data.num_rows for batch in batches) == 101


def test_a_file_of_bad_quotes_is_read_in_linear_time(tmp_path, read, monkeypatch):
    monkeypatch.setattr(delimited_rows, "MAX_READ_AGAIN", 0)
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + 'x","z\n' * 1000)
    found = read(path)
    assert len(found.rejects) == 2
    assert "(lines 3 to 1001 were taken for it)" in found.reasons[1]


def test_quotes_inside_a_text_that_has_none_around_it_are_its_own(read_bytes):
    found = read_bytes("a.csv", b'a,b\n5" pipe,he said "no"\n')
    assert found.rows == [('5" pipe', 'he said "no"')]
