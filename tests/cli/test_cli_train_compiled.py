"""textshot train leaves an encoder that is ready for its first use."""

from __future__ import annotations

import csv
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_learner import easy_rows, write_tiny_model

import textshot
from textshot.encoders.compiled import backends, load
from textshot.encoders.compiled.store import NotCompilableError

QUICK = ("--ways", "12", "--lr", "0.01", "--layers", "1", "--steps", "20")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    import torch

    torch.set_num_threads(1)
    return str(write_tiny_model(tmp_path_factory.mktemp("compiled") / "tiny"))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def train(run, tiny, cache):
    with Path("history.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(label, text) for text, label in easy_rows()]
        csv.writer(file).writerows([("label", "text"), *rows])

    def trained(*options, **variables):
        told = ("train", "history.csv", "-o", "out", "--encoder", tiny, *QUICK, *options)
        return run(*told, env=variables)

    return trained


class Kept:
    """What a training tells that kept its encoder."""

    kept = True

    def lines(self):
        return ["held-out categories: better"]


@pytest.fixture
def at_once(monkeypatch, tiny):
    """A training of no time: the encoder that is kept is the one that there was."""

    def copied(*_, output, **__):
        shutil.copytree(tiny, output)
        return Kept()

    monkeypatch.setattr("textshot.training.train_splits", copied)


def files(cache):
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("backend", "precision"), [("openvino", "fp32"), ("onnx", "auto")], ids=["openvino", "onnx"]
)
def test_the_first_use_after_training_makes_nothing_and_needs_no_torch(
    train, cache, backend, precision
):
    asked = {"TEXTSHOT_BACKEND": backend, "TEXTSHOT_PRECISION": precision}
    result = train(**asked)
    assert result.stderr.splitlines()[-1] == f"out: ready for {backend} fp32"
    assert "ready" not in result.stdout
    before = files(cache)
    assert [path.name for path in before if path.suffix == ".onnx"] == ["graph.onnx"]
    code = (
        "import sys; from textshot import load_encoder;"
        "found = load_encoder('out', prompt='query: '); found.encode(['where is it']);"
        "print(found.runtime, 'torch' in sys.modules)"
    )
    root = str(Path(textshot.__file__).parents[1])
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": root} | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [f"{backend}-fp32", "False"]
    assert {path: at for path, at in files(cache).items() if path.suffix != ".lock"} == {
        path: at for path, at in before.items() if path.suffix != ".lock"
    }


def test_where_torch_runs_the_encoder_it_is_not_compiled(train, at_once, cache):
    assert train(TEXTSHOT_BACKEND="torch").stderr.splitlines()[-1].startswith("history.csv: ")
    assert not cache.exists()


def test_without_a_runtime_the_encoder_is_not_compiled(train, at_once, cache, monkeypatch):
    monkeypatch.setattr(backends, "versions", lambda: dict.fromkeys(("openvino", "onnx", "nncf")))
    assert "out: " not in train(TEXTSHOT_BACKEND="").stderr
    assert not cache.exists()


def test_a_precision_for_later_does_not_stop_training(train, at_once, monkeypatch):
    monkeypatch.setattr(backends, "has_bf16", lambda: False)
    result = train(TEXTSHOT_BACKEND="", TEXTSHOT_PRECISION="bf16")
    assert result.stderr.splitlines()[-1] == (
        "out cannot be compiled, so use --backend torch: this CPU does not compute in bf16."
        " Take --precision fp32"
    )


FAILURES = [
    (NotCompilableError("it differs, says a test"), "it differs, says a test"),
    (OSError(28, "No space left on device"), "No space left on device"),
]


@pytest.fixture(params=FAILURES, ids=["refused", "full disk"])
def failing(request, monkeypatch):
    """An error of compiling, and the reason that is shown."""
    error, reason = request.param

    def fails(*_):
        raise error

    monkeypatch.setattr(load, "_compile", fails)
    monkeypatch.setattr(backends, "_has_accelerator", lambda: False)
    return reason


def test_training_succeeds_when_the_encoder_cannot_be_compiled(train, at_once, failing, caplog):
    with caplog.at_level(logging.WARNING, logger="textshot"):
        result = train(TEXTSHOT_BACKEND="")
    [record] = caplog.records  # a line on stderr where nothing else is made of the log
    assert "out cannot be compiled, so it runs in torch: " in record.getMessage()
    assert failing in record.getMessage()
    assert "out: " not in result.stderr
    assert "out: written. Use it: " in result.stdout


def test_training_succeeds_when_the_chosen_backend_fails(train, at_once, failing):
    told = train(TEXTSHOT_BACKEND="onnx").stderr.splitlines()[-1]
    assert told.startswith("out cannot be compiled, so use --backend torch: ")
    assert failing in told


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("an engine\nin two lines")])
def test_what_nobody_thought_of_does_not_undo_a_training(train, at_once, monkeypatch, error):
    def fails(*_):
        raise error

    monkeypatch.setattr(load, "_compile", fails)
    told = train(TEXTSHOT_BACKEND="onnx").stderr.splitlines()[-1]
    reason = "an engine" if str(error) else "MemoryError"
    assert told == f"out cannot be compiled, so use --backend torch: {reason}"
