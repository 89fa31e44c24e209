"""How many cores an engine takes: those there are, a part of them where somebody says so."""

import os

import pytest

from textshot.batch.local import divide_cores
from textshot.encoders.compiled.graphs import all_cores, n_cores


@pytest.mark.parametrize(
    ("told", "expected"), [("1", 1), ("1000", None), ("", None), ("0", 1), ("two", None)]
)
def test_omp_num_threads_bounds_the_cores(monkeypatch, told, expected):
    monkeypatch.setattr("textshot.encoders.compiled.graphs._quota", all_cores)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert n_cores() == (all_cores() if expected is None else expected)


def test_processes_share_the_cores_while_they_begin(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    each = str(max(1, n_cores() // 2))
    with divide_cores(2):
        assert os.environ["OMP_NUM_THREADS"] == each
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with divide_cores(2):
        assert os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "3"
