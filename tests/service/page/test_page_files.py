"""A file is chosen or dropped, followed, and comes back as the command would write it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys

import openpyxl
import pytest
from browser import serving, toy_index, until

ROWS = [
    ("1", "my parcel has not come yet"),
    ("2", "qwx zvb jkl"),
    ("3", "I want my money back"),
    ("4", ""),
    ("5", "=1+1, when is the shop open on Saturday"),
]


def as_csv(path, rows, header=("id", "text")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def choose(view, *paths):
    view.page.set_input_files("#file", paths)


def download(view):
    view.page.wait_for_selector("#upload a[download]")
    with view.page.expect_download() as waiting:
        view.page.click("#upload a[download]")
    return waiting.value


def file_id(view) -> str:
    [sent] = [r for r in view.requests if "/files?" in r.url]
    return sent.headers["x-request-id"]


def test_a_table_comes_back_as_the_command_makes_it(tmp_path, look):
    index, inbox = toy_index(tmp_path / "shop"), as_csv(tmp_path / "inbox.csv", ROWS)
    command = [sys.executable, "-m", "textshot", "categorize", index, inbox, "-o", "out.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with serving(index) as server:
        view = look(server)
        choose(view, inbox)
        got = download(view)
        assert got.suggested_filename == "inbox-categorised.csv"
        assert got.path().read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_unknown_and_skipped_rows_are_shown_with_line_and_reason(toy, look, tmp_path):
    view = look(toy)
    choose(view, as_csv(tmp_path / "inbox.csv", ROWS))
    view.page.wait_for_selector("#upload a[download]")
    done = toy.ask(f"/v1/files/{file_id(view)}")
    words = view.page.inner_text("#upload")
    assert f"{done['rows']} rows · 1 unknown" in words
    assert "1 skipped" in words
    [problem] = done["problems"]
    assert view.page.locator("#upload td").all_inner_texts() == [
        str(problem["line"]),
        problem["reason"],
    ]
    assert view.status() == "The result is ready to download."


def test_a_file_can_be_dropped_anywhere(toy, look):
    view = look(toy)
    carried = view.page.evaluate_handle(
        """() => {
            const carried = new DataTransfer();
            carried.items.add(new File(["text\\nmy parcel has not come yet\\n"], "tëst 📦.csv"));
            return carried;
        }"""
    )
    view.page.dispatch_event("footer", "dragover", {"dataTransfer": carried})
    assert view.page.locator("body.dropping").count() == 1
    view.page.dispatch_event("footer", "drop", {"dataTransfer": carried})
    got = download(view)
    assert got.suggested_filename == "tëst 📦-categorised.csv"
    assert "late parcel" in got.path().read_text()
    assert view.page.locator("body.dropping").count() == 0


@pytest.fixture
def many(tmp_path):
    """A file that takes a while."""
    path = tmp_path / "many.csv"
    path.write_text("text\n" + "".join(f"my parcel {i} has not come\n" for i in range(400_000)))
    return path


def test_progress_is_shown_and_a_file_can_be_cancelled(toy, look, many):
    view = look(toy)
    choose(view, many)
    view.page.wait_for_function(
        "() => /[1-9][0-9,]* rows, [0-9]+ %/.test(document.querySelector('#upload').innerText)"
    )
    assert 0 < view.page.locator("progress").evaluate("bar => bar.value") < 1
    view.page.click("#upload >> text=Cancel")
    view.page.wait_for_selector("text=Cancelled. No result was saved.")
    assert view.status() == "The file was cancelled."
    assert view.page.locator("#upload a").count() == 0
    until(lambda: toy.ask(f"/v1/files/{file_id(view)}")["state"] == "failed")


def test_one_file_at_a_time(toy, look, tmp_path, many):
    view = look(toy)
    choose(view, many)
    choose(view, as_csv(tmp_path / "inbox.csv", ROWS))
    assert view.status() == "One file at a time: wait for the current one, or cancel it."
    view.page.click("#upload >> text=Cancel")
    view.page.wait_for_selector("text=Cancelled.")
    choose(view, as_csv(tmp_path / "inbox.csv", ROWS))
    assert "late parcel" in download(view).path().read_text()


def test_the_text_column_can_be_selected_if_it_is_not_detected(toy, look, tmp_path):
    view = look(toy, refused=["status of 422"])
    row = ("my parcel has not come yet", "it was to come on Monday")
    path = as_csv(tmp_path / "mails.csv", [row], ["body", "more"])
    choose(view, path)
    view.page.wait_for_selector("#upload [role=alert]")
    assert "not known which of the columns" in view.page.inner_text("#upload")
    view.page.select_option("#upload select >> nth=0", "body")
    view.page.click("text=Send again")
    assert "late parcel" in download(view).path().read_text()


def test_another_encoding_can_be_selected_if_rows_were_skipped(toy, look, tmp_path):
    view = look(toy)
    (tmp_path / "inbox.csv").write_bytes("text\nthe parcel for Zoë is late\n".encode("cp1252"))
    choose(view, tmp_path / "inbox.csv")
    view.page.wait_for_selector("#upload >> text=1 skipped")
    view.page.click("text=Read the file differently")
    view.page.get_by_label("Encoding").select_option("cp1252")
    view.page.click("text=Send again")
    view.page.wait_for_selector("#upload >> text=/^1 row/ >> visible=true")
    assert "Zoë" in download(view).path().read_text(encoding="utf-8")
    assert "skipped" not in view.page.inner_text("#upload")


def test_an_unknown_file_format_is_reported(toy, look, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG")
    view = look(toy, refused=["status of 422"])
    choose(view, path)
    view.page.wait_for_selector("#upload [role=alert]")
    assert "does not tell the format" in view.page.inner_text("#upload")


def test_a_file_that_is_too_large_is_not_even_sent(tmp_path, look):
    with serving(toy_index(tmp_path / "shop"), "--max-file", "50") as server:
        view = look(server)
        choose(view, as_csv(tmp_path / "inbox.csv", ROWS))
        view.page.wait_for_selector("text=bytes; the limit is 50.")
        assert not [r for r in view.requests if "/files" in r.url]


def test_a_response_that_breaks_off_is_no_result(toy, look, tmp_path):
    lines = "".join(json.dumps({"text": f"parcel {i}"}) + "\n" for i in range(50_000))
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    view = look(toy, refused=["ERR_INCOMPLETE_CHUNKED_ENCODING"])
    choose(view, path)
    view.page.wait_for_selector("#upload [role=alert]")
    assert "broke off after" in view.page.inner_text("#upload")
    assert view.page.locator("#upload a").count() == 0


def test_the_columns_of_a_workbook_are_offered_where_the_texts_are_not_found(toy, look):
    book, stream = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["Ref", "Subject", "Message body"])
    book.active.append(["C-1", "my parcel is late", "where is the parcel that I ordered"])
    book.save(stream)
    view = look(toy, refused=["status of 422"])
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    file = {"name": "in.xlsx", "mimeType": kind, "buffer": stream.getvalue()}
    view.page.set_input_files("#file", file)
    select = view.page.locator("#upload select").first
    select.wait_for()
    assert select.locator("option").all_inner_texts() == [
        "automatic",
        "Ref",
        "Subject",
        "Message body",
    ]
    assert "not known which of the columns holds the texts" in view.page.inner_text("#upload")
    select.select_option("Message body")
    view.page.click("text=Send again")
    view.page.wait_for_selector("#upload a[download]")
