"""Every error that textshot raises on purpose.

::

    TextshotError
    ├── InvalidCategoriesError   categories that cannot be built or changed as asked   (ValueError)
    ├── InvalidTextsError        texts or vectors that cannot be classified            (ValueError)
    ├── TableError               a file that cannot be read or written as a table
    ├── IndexFormatError         an index that is damaged, newer or not ours
    ├── IndexNotFoundError       no index there                          (FileNotFoundError)
    ├── PublishError             an index that could not be written; the old one holds (OSError)
    ├── ConflictError            another writer was first
    ├── TrainingError            a training run that cannot begin, or go on
    ├── HubError                 the hub of models refuses, or cannot be reached
    ├── ServiceError             the HTTP service cannot be started, or does not answer as asked
    └── EncoderError             an encoder that cannot be loaded or used
        ├── EncoderNotFoundError no encoder there, with the ways to get one
        └── EncoderMismatchError an index made with another encoder

`TableWarning` (a `UserWarning`) tells what was assumed of a table that can be read in several ways.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class TextshotError(Exception):
    """The root: catching it catches everything that textshot raises on purpose."""


class InvalidCategoriesError(TextshotError, ValueError):
    """Categories that cannot be built or changed as asked."""


class InvalidTextsError(TextshotError, ValueError):
    """Texts, vectors or truths of a shape or kind that cannot be classified."""


class TableError(TextshotError):
    """A file that cannot be read or written as a table.

    Attributes:
        columns: Where a column is missing, those that the table has; else empty.
    """

    def __init__(self, message: str, columns: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.columns = tuple(columns)


class TableWarning(UserWarning):
    """What was assumed of a table, such as which sheet is read, or what of it is left out."""


_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


def warn_of_table(message: str) -> None:
    """Issue a `TableWarning`, or add it to those that are collected in this context."""
    collected = _collected.get()
    if collected is None:
        warnings.warn(message, TableWarning, stacklevel=3)
    elif message not in collected:
        collected.append(message)


@contextmanager
def collect_table_warnings() -> Iterator[list[str]]:
    """Collect the warnings of tables that are read in this thread; other threads are not met."""
    collected: list[str] = []
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


class IndexFormatError(TextshotError):
    """An index that is damaged, not an index, or made by a newer textshot."""


class IndexNotFoundError(TextshotError, FileNotFoundError):
    """There is no index at that place."""


class PublishError(TextshotError, OSError):
    """An index could not be written; what was there before still holds."""


class ConflictError(TextshotError):
    """Another writer holds the index, or changed it since it was read."""


class TrainingError(TextshotError):
    """A training run cannot begin, go on, or write its result."""


class HubError(TextshotError):
    """A repository of the hub cannot be written or read as asked."""


class ServiceError(TextshotError):
    """The HTTP service cannot be started as asked, or does not answer as it should."""


class EncoderError(TextshotError):
    """An encoder that cannot be loaded or used."""


class EncoderNotFoundError(EncoderError):
    """No encoder of that name can be reached from here."""


class EncoderMismatchError(EncoderError):
    """The index was made with another encoder than the one given."""
