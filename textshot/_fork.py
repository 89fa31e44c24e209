"""What a forked child mends before it goes on.

A child of `os.fork` has one thread, the one that forked. Others are gone, with what they held: a
lock stays locked, and a pool waits for threads that are no more.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from functools import cache
from typing import Any, Protocol
from weakref import WeakSet

ADVICE = (
    'Start worker processes with the method "spawn" (multiprocessing.get_context("spawn")), or load'
    " the encoder in each of them"
)


class Forked(Protocol):
    """Something that a forked child has to mend."""

    def after_fork(self) -> None:
        """Mend it in the child, at once: nothing that waits or loads belongs here."""
        ...


_FORKED: WeakSet[Forked] = WeakSet()


def mend_after_fork(owner: Forked) -> None:
    """Have `owner.after_fork()` called in each child that is forked while the owner lives."""
    _FORKED.add(owner)


def never_free(value: object) -> None:
    """Keep an object of a library to the end: freeing it would wait for threads that are gone."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


@cache
def one_thread_of_torch() -> None:
    """Have torch compute on one thread in a forked child.

    OpenMP would wait for the others, which are gone. It keeps them for each thread that computes,
    so that threads which the child starts are not concerned.
    """
    mend_after_fork(_TORCH)


class _Torch:
    def after_fork(self) -> None:
        torch: Any = sys.modules.get("torch")
        if torch is not None:
            torch.set_num_threads(1)


_TORCH = _Torch()


def _mend() -> None:
    if "tokenizers" in sys.modules:  # it does this itself, unless it was told to use threads
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for owner in list(_FORKED):
        owner.after_fork()


class ForkLock:
    """A reentrant lock that a forked child finds free, whichever thread held it.

    Args:
        waits: fork only while no other thread holds it. For calls of a moment into libraries that
            have locks of their own.
    """

    def __init__(self, *, waits: bool = False) -> None:
        self._lock = threading.RLock()
        mend_after_fork(self)
        if waits and hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self.acquire, after_in_parent=self.release)

    def acquire(self) -> None:
        """Wait for the lock."""
        self._lock.acquire()

    def release(self) -> None:
        """Let go of the lock."""
        self._lock.release()

    def after_fork(self) -> None:
        """Take a lock that no thread holds."""
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mend)
