"""Adapting to an input before it is categorised: once, whether it can be read twice or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain

from textshot.adaptation import MOST_TEXTS
from textshot.engine import Engine
from textshot.tables import Batch, Table, text_column


def adapt_to(
    engine: Engine,
    table: Table,
    columns: Sequence[str],
    read_again: Callable[[], AbstractContextManager[Table]] | None,
) -> tuple[Engine, Iterator[Batch]]:
    """Return the engine adapted to the texts of a table, and all batches of the table.

    Args:
        engine: stays as it is.
        table: nothing of it was read yet.
        columns: those that hold the text.
        read_again: opens the table once more; None of what can be read once only: then it is the
            first 5,000 texts, which are held back for it.
    """
    batches = table.batches()
    if read_again is None:
        first = _first_of(batches, MOST_TEXTS)
        return engine.adapted(_texts_of(first, columns)), chain(first, batches)
    with read_again() as again:
        return engine.adapted(_texts_of(again.batches(), columns)), batches


def _texts_of(batches: Iterable[Batch], columns: Sequence[str]) -> Iterator[str]:
    return (text for batch in batches for text in text_column(batch, columns))


def _first_of(batches: Iterator[Batch], n_rows: int) -> list[Batch]:
    """Take batches until there are `n_rows` rows."""
    found: list[Batch] = []
    rows = 0
    for batch in batches:
        found.append(batch)
        rows += batch.data.num_rows
        if rows >= n_rows:
            break
    return found
