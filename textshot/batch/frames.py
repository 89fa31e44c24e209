"""Frames of pandas, Polars and Arrow: the same frame back, with the answers beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot.batch.frame_kinds import frame_of
from textshot.batch.shards import SHARD_ROWS
from textshot.batch.worker import Worker
from textshot.batch.worker_pool import with_cache
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.io import find_column, text_column
from textshot.types import Threshold

if TYPE_CHECKING:
    import pyarrow as pa

_WHERE = "the frame"


def categorize_frame(
    df: Any,
    index: Engine | str | Path,
    column: str | Sequence[str] = "text",
    *,
    threshold: Threshold = "auto",
    metadata: Sequence[str] = (),
    adapt: bool = False,
) -> Any:
    """Return a frame with label, score and margin added: what `categorize` writes of its rows.

    The rows keep their order, a pandas frame its index; the frame itself stays as it is. A row
    whose text is null or empty has nulls, as there is nothing to answer. A column that is there
    already stays: ours is then called `label_textshot`, and so on.

    Args:
        df: a DataFrame of pandas or Polars, a Table or RecordBatch of Arrow.
        index: an engine, or the folder of an index.
        column: the column that holds the text; of several they are joined.
        threshold: as in `Engine.classify`.
        metadata: what is added of the category of each row: other columns of the table of
            categories.
        adapt: let the categories move towards these texts first (`Engine.adapted`).

    Returns:
        A frame of the same kind.

    Raises:
        TableError: no such column, or a kind of frame that is not known.
    """
    found = frame_of(df)
    engine = index if isinstance(index, Engine) else Engine.load(index)
    names = found.names()
    wanted = [column] if isinstance(column, str) else list(column)
    columns = [find_column(names, one, one, _WHERE) for one in wanted]
    for one in columns:
        if names.count(one) > 1:
            raise TableError(f"{_WHERE}: {names.count(one)} columns are called {one!r}. Rename one")
    data = found.texts(columns)
    rows = [i for i, text in enumerate(text_column(data, columns)) if text.strip()]
    return found.added(_answers(engine, data, rows, names, threshold, metadata, adapt=adapt))


def _answers(
    engine: Engine,
    data: pa.RecordBatch,
    rows: Sequence[int],
    names: Sequence[str],
    threshold: Threshold,
    metadata: Sequence[str],
    *,
    adapt: bool,
) -> dict[str, pa.Array]:
    """Return the columns to add: of the given rows their answers, null of the others."""
    import pyarrow as pa

    kept = data.take(pa.array(rows, pa.int64()))
    columns = data.schema.names
    calibrated = engine.calibrated
    if adapt:
        engine = engine.adapted(text_column(kept, columns))
    worker = Worker.for_columns(
        with_cache(engine),
        names,
        columns,
        threshold=threshold,
        metadata=metadata,
        calibrated=calibrated,
    )
    parts = [
        worker(kept.slice(start, SHARD_ROWS)) for start in range(0, max(1, len(rows)), SHARD_ROWS)
    ]
    answered = pa.Table.from_batches(parts)
    places: list[int | None] = [None] * data.num_rows
    for place, row in enumerate(rows):
        places[row] = place
    taken = pa.array(places, pa.int64())
    added = [*worker.names.values(), *worker.metadata.values()]
    return {name: answered.column(name).combine_chunks().take(taken) for name in added}
