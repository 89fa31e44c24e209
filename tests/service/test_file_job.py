"""How many files are worked on at once, whatever their requests are called."""

from __future__ import annotations

import pytest

from textshot.service import file_job
from textshot.service.errors import APIError, redacted
from textshot.service.file_job import FileJobs


def test_files_with_the_same_id_count_separately():
    jobs = FileJobs(2)
    first, _ = jobs.start("same-id"), jobs.start("same-id")
    with pytest.raises(APIError) as refused:
        jobs.start("same-id")
    assert (refused.value.status, refused.value.code) == (429, "too_many_files")
    first.end("done")
    third = jobs.start("same-id")
    assert jobs.find("same-id") is third
    with pytest.raises(APIError):
        jobs.start("other-id")


def test_a_running_file_counts_when_its_progress_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(file_job, "_MAX_JOBS", 1)
    jobs = FileJobs(2)
    jobs.start("a")
    jobs.start("b").end("done")
    jobs.start("c")
    with pytest.raises(APIError):
        jobs.start("d")


def test_the_oldest_progress_is_forgotten_first_also_where_an_id_comes_again(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(file_job, "_MAX_JOBS", 3)
    jobs = FileJobs(9)
    _, _, again, *_ = [jobs.start(name) for name in ("again", "once", "again", "other", "last")]
    assert jobs.find("again") is again
    with pytest.raises(APIError) as unknown:
        jobs.find("once")
    assert unknown.value.status == 404


def test_nothing_in_quotes_or_nested_brackets_is_repeated():
    message = "the file: cannot be read (a (secret) word) after row 3 ('one', \"two\"). Check it"
    assert redacted(message) == "the file: cannot be read after row 3. Check it"
    assert redacted("the column 'secret' is missing") == "the column '...' is missing"
