"""Silence for the libraries that load models: what they print is theirs, not the user's."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

_TALKERS = ("huggingface_hub", "nncf", "sentence_transformers", "transformers")

# What is silenced belongs to the process: two threads must not restore each other's silence.
_ONE_AT_A_TIME = threading.RLock()


def no_telemetry() -> None:
    """Ask huggingface_hub not to report usage; it reads this once, when it is imported."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Switch off the progress bars and warnings of the model libraries, and restore them after.

    Import the libraries first: transformers and nncf set their own log level when imported.
    """
    with _ONE_AT_A_TIME, ExitStack() as restore:
        for name in _TALKERS:
            logger = logging.getLogger(name)
            restore.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
        # Who sets this variable has decided about the bars; switching would only make a warning.
        if "HF_HUB_DISABLE_PROGRESS_BARS" not in os.environ:
            _stop_hub_bars(restore)
            if "transformers" in sys.modules:
                _stop_transformers_bars(restore)
        yield


def _stop_hub_bars(restore: ExitStack) -> None:
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    restore.callback(
        disable_progress_bars if are_progress_bars_disabled() else enable_progress_bars
    )
    disable_progress_bars()


def _stop_transformers_bars(restore: ExitStack) -> None:
    from transformers.utils import logging as transformers_logging

    # Both switches turn the bars of the hub too, so this comes after them and is undone first.
    if transformers_logging.is_progress_bar_enabled():
        restore.callback(transformers_logging.enable_progress_bar)
        stop: Callable[[], None] = transformers_logging.disable_progress_bar
        stop()
