"""Encoders for all tests: a compass with plain vectors, and the real one, loaded once."""

from __future__ import annotations

import atexit
import logging
import math
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence

import numpy as np
import pytest

from textshot import FunctionEncoder, load_encoder

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: processes of the tests would never see a Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Two test processes share the cores, and a thread of OpenMP or BLAS spins while it waits for one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# The reference in torch, unless a test is about a compiled encoder, and a cache of this run only.
os.environ.setdefault("TEXTSHOT_BACKEND", "torch")
os.environ["TEXTSHOT_CACHE"] = tempfile.mkdtemp(prefix="textshot-tests-")
atexit.register(shutil.rmtree, os.environ["TEXTSHOT_CACHE"], ignore_errors=True)


@pytest.fixture(autouse=True)
def _reset_loggers():
    """Undo what an earlier test, or a library that it loaded, did to the loggers of textshot."""
    logging.disable(logging.NOTSET)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.split(".")[0] == "textshot" and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.NOTSET)


POINTS = {"east": 0.0, "north": 90.0, "west": 180.0, "south": 270.0}
ELSEWHERE = 250.0


def _angle(text: str) -> float:
    try:
        return POINTS[text] if text in POINTS else float(text)
    except ValueError:
        return ELSEWHERE


@pytest.fixture(scope="session")
def compass() -> FunctionEncoder:
    """A text is an angle on the circle: "north" or "90"; any other text lies at 250 degrees."""

    def directions(texts: Sequence[str]) -> list[tuple[float, float]]:
        radians = [math.radians(_angle(text)) for text in texts]
        return [(math.cos(r), math.sin(r)) for r in radians]

    return FunctionEncoder(directions, name="compass")


@pytest.fixture(scope="session")
def real_encoder():
    """Return all-MiniLM-L6-v2 of the `bundled` extra, on one thread."""
    import torch

    torch.set_num_threads(1)
    return load_encoder(device="cpu")


@pytest.fixture(scope="session")
def at():
    """Unit rows at these degrees: `at(0, 90)` is [[1, 0], [0, 1]]."""

    def rows(*degrees):
        angles = np.radians(np.asarray(degrees, np.float64))
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    return rows


@pytest.fixture(scope="session")
def contents():
    """All that a State holds, to the bit, as one value that can be compared."""

    def values(state):
        made_by = state.encoder and (
            state.encoder.fingerprint,
            dict(state.encoder.spec),
            None if state.encoder.probe is None else state.encoder.probe.tobytes(),
        )
        entries = tuple(
            (e.category, e.keys, e.vectors.tobytes(), e.prototype.tobytes()) for e in state.entries
        )
        settings = state.dim, state.use_names, state.name_weight, state.private, state.decision
        out_of_scope = state.out_of_scope and (
            state.out_of_scope.examples,
            state.out_of_scope.vectors.tobytes(),
        )
        return *settings, made_by, out_of_scope, entries

    return values
