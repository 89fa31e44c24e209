"""Adapting to an input before it is categorised: once, whether it can be read twice or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path

from textshot._files import write_atomic
from textshot.batch.plan import Plan
from textshot.batch.run_log import SAMPLE
from textshot.batch.shards import Shard, events
from textshot.engine import Engine
from textshot.io import Batch, Table, text_column
from textshot.scoring.transduction import MAX_TEXTS, sample_texts


def adapt_to(
    engine: Engine,
    batches: Iterator[Batch],
    columns: Sequence[str],
    read_again: Callable[[], AbstractContextManager[Table]] | None,
) -> tuple[Engine, Iterator[Batch]]:
    """Return the engine adapted to the texts of a table, and all batches of the table.

    Args:
        engine: stays as it is.
        batches: of a table; none of them was read yet.
        columns: those that hold the text.
        read_again: opens the table once more; None of what can be read once only: then it is the
            first 5,000 texts, which are held back for it.
    """
    if read_again is None:
        first = _first_of(batches, MAX_TEXTS)
        return engine.adapted(_texts_of(first, columns)), chain(first, batches)
    with read_again() as again:
        return engine.adapted(_texts_of(again.batches(), columns)), batches


def _texts_of(batches: Iterable[Batch], columns: Sequence[str]) -> Iterator[str]:
    return (text for batch in batches for text in text_column(batch.data, columns))


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


def adapted_once(engine: Engine, plan: Plan, folder: Path) -> Engine:
    """Return the engine adapted to the texts of a job, which are looked for once.

    Which ones that are is kept in the folder of the run, so that a run that goes on, and each of
    its processes, adapts to the same.
    """
    inputs = [[s.path, s.size, s.modified] for s in plan.sources]
    try:
        found = json.loads((folder / SAMPLE).read_bytes())
        texts = found["texts"] if found["inputs"] == inputs else None
    except (OSError, ValueError, KeyError):
        texts = None
    if texts is None:
        texts = sample_texts(_texts_of_plan(plan))
        body = json.dumps({"inputs": inputs, "texts": texts})
        write_atomic(folder / SAMPLE, body.encode("ascii"), sync_parent=False)
    return engine.adapted(texts)


def _texts_of_plan(plan: Plan) -> Iterator[str]:
    for event in events(plan):
        if isinstance(event, Shard):
            yield from text_column(event.data, plan.text_columns)
