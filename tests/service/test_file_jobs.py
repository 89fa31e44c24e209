"""How many files are worked on at once, whatever their requests are called."""

from __future__ import annotations

import pytest

from textshot.service import files
from textshot.service.files import FileJobs
from textshot.service.problems import Problem


def test_files_sent_under_one_id_count_one_by_one():
    jobs = FileJobs(2)
    first, _ = jobs.begin("same-id"), jobs.begin("same-id")
    with pytest.raises(Problem) as refused:
        jobs.begin("same-id")
    assert (refused.value.status, refused.value.code) == (429, "too_many_files")
    first.end("done")
    third = jobs.begin("same-id")
    assert jobs.find("same-id") is third
    with pytest.raises(Problem):
        jobs.begin("other-id")


def test_a_running_file_counts_when_its_progress_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "_MOST_KEPT", 1)
    jobs = FileJobs(2)
    jobs.begin("a")
    jobs.begin("b").end("done")
    jobs.begin("c")
    with pytest.raises(Problem):
        jobs.begin("d")


def test_the_oldest_progress_is_forgotten_first_also_where_an_id_comes_again(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(files, "_MOST_KEPT", 3)
    jobs = FileJobs(9)
    _, _, again, *_ = [jobs.begin(name) for name in ("again", "once", "again", "other", "last")]
    assert jobs.find("again") is again
    with pytest.raises(Problem) as unknown:
        jobs.find("once")
    assert unknown.value.status == 404
