"""A tiny encoder that learns in a second, and one way to train it."""

from __future__ import annotations

import pytest
from tiny_learner import easy_rows, write_tiny_model

from textshot import load_encoder
from textshot.training import TrainCallbacks, TrainConfig, train_splits
from textshot.training.corpus import split_categories
from textshot.training.corpus_preparation import prepare_corpus

QUICK = {
    "steps": 20,
    "eval_every": 10,
    "n_way": 12,
    "lr": 1e-2,
    "draws": 4,
    "n_eval": 6,
    "layers": 1,
    "precision": "fp32",
}


@pytest.fixture(scope="session")
def learner_folder(tmp_path_factory):
    """A random BERT of three layers as a sentence-transformers folder."""
    import torch

    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("learner") / "tiny")


@pytest.fixture(scope="session")
def learner(learner_folder):
    """The same, loaded."""
    return load_encoder(str(learner_folder), device="cpu")


@pytest.fixture(scope="session")
def quick():
    """Return a configuration of few steps; arguments change it."""
    return lambda **changes: TrainConfig(**{**QUICK, **changes})


@pytest.fixture(scope="session")
def split():
    """Return the easy texts, split by category; arguments as for `easy_rows`."""

    def made(descriptions=None, **changes):
        rows = [(text, label, "") for text, label in easy_rows(**changes)]
        corpus, _ = prepare_corpus(rows, descriptions=descriptions)
        return split_categories(corpus, shares=0.25)

    return made


@pytest.fixture
def go(tmp_path, learner, split, quick):
    """Train into `tmp_path / output`; return the report. `run` may hold callbacks by name."""

    def gone(splits=None, *, output="out", encoder=None, run=None, **changes):
        run = dict(run or {})
        callbacks = {name: run.pop(name) for name in list(run) if name.startswith("on_")}
        return train_splits(
            learner if encoder is None else encoder,
            split() if splits is None else splits,
            quick(**changes),
            output=tmp_path / output,
            callbacks=TrainCallbacks(**callbacks),
            **run,
        )

    return gone
