"""How results, counts and progress are shown."""

import io
import sys

import pytest

from textshot.cli import output, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def attach(monkeypatch):
    """Make stdout and stderr one terminal of 40 columns; pytest takes them between fixtures."""
    shown = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")

    def attached():
        monkeypatch.setattr(sys, "stdout", shown)
        monkeypatch.setattr(sys, "stderr", shown)
        return shown

    return attached


def test_one_is_not_counted_as_several():
    assert output.counted(1, "category", "categories") == "1 category"
    assert output.counted(0, "category", "categories") == "0 categories"
    assert output.counted(2, "row") == "2 rows"


def test_shares_are_shown_in_percent():
    assert (output.percent(None), output.percent(0.5), output.percent(1)) == (
        "-",
        "50.0 %",
        "100.0 %",
    )


def test_numbers_stand_to_the_right_and_words_to_the_left(capsys):
    output.print_table(("name", "n", "text"), [("a", "10", "x"), ("long one", "9", "yy")])
    assert capsys.readouterr().out == "name       n  text\na         10  x\nlong one   9  yy\n"


def test_a_terminal_cuts_the_last_column_only(attach):
    terminal = attach()
    output.print_table(("name", "text"), [("a" * 20, "b" * 40), ("日本", "語" * 20)])
    _, first, second = terminal.getvalue().splitlines()
    assert first == "a" * 20 + "  " + "b" * 17 + "…"
    assert second.startswith("日本" + " " * 18 + "語" * 8)
    assert second.endswith("…")


def test_a_table_without_rows_is_its_header(capsys):
    output.print_table(("name", "n"), [])
    assert capsys.readouterr().out == "name  n\n"


def test_a_bar_is_drawn_on_a_terminal_and_taken_away(attach):
    terminal = attach()
    with progress.progress("counting", total=4) as advance:
        for _ in range(4):
            advance(1)
    assert "counting" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_no_bar_is_drawn_where_rows_share_the_terminal(attach):
    terminal = attach()
    with progress.progress("counting", beside_rows=True) as advance:
        advance(1)
    assert terminal.getvalue() == ""


def test_a_log_gets_a_line_a_minute(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.progress("counting", total=1000) as advance:
        for _ in range(10):
            now[0] += 30
            advance(50)
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 5
    assert shown[0] == "counting: 100 done, 2 a second, 10 %, 9 minutes left"


def test_a_log_of_unknown_length_tells_what_is_done(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.progress("counting") as advance:
        now[0] += 61
        advance(610)
    assert capsys.readouterr().err == "counting: 610 done, 10 a second\n"


def test_what_was_done_before_counts_neither_for_rate_nor_time(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.progress("counting") as advance:
        now[0] += 5
        advance(0, 0.5)
        now[0] += 100
        advance.show("unknown 10 %")
        advance(200, 0.6)
    assert capsys.readouterr().err == (
        "counting: 200 done, 2 a second, 60 %, 7 minutes left; unknown 10 %\n"
    )


@pytest.mark.parametrize(
    ("n", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 KB"), (123_456, "123 KB"), (5e12, "5.0 TB")],
)
def test_sizes_are_shown_in_a_unit_that_fits(n, shown):
    assert output.in_bytes(n) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.2, "a second"),
        (90, "90 seconds"),
        (600, "10.0 minutes"),
        (9000, "2.5 hours"),
        (2e5, "2.3 days"),
    ],
)
def test_times_are_shown_in_a_unit_that_fits(seconds, shown):
    assert output.in_time(seconds) == shown
