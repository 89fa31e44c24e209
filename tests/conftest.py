"""Encoders for every room: one that needs a pencil only, and the real one, loaded once."""

from __future__ import annotations

import atexit
import logging
import math
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence

import pytest

from textshot import FunctionEncoder, load_encoder

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: what the tests start would never see a Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The reference, unless a test is about a twin; and what is made once lies beside the tests.
os.environ.setdefault("TEXTSHOT_BACKEND", "torch")
os.environ["TEXTSHOT_CACHE"] = tempfile.mkdtemp(prefix="textshot-tests-")
atexit.register(shutil.rmtree, os.environ["TEXTSHOT_CACHE"], ignore_errors=True)


@pytest.fixture(autouse=True)
def _our_logs_are_heard():
    """Undo what an earlier test, or a library that it loaded, did to loggers of ours."""
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
    """all-MiniLM-L6-v2 of the `bundled` extra, on one thread: two are slower on a busy machine."""
    import torch

    torch.set_num_threads(1)
    return load_encoder(device="cpu")
