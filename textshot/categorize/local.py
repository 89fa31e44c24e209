"""One machine, one process: stream a table through an engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textshot.categorize.adapting import adapt_to
from textshot.encoders import PrecomputedEncoder, Reading, RememberingEncoder
from textshot.engine import Engine
from textshot.errors import TableError
from textshot.records import UNKNOWN, Adaptation, Prediction, Threshold
from textshot.tables import (
    STDIO,
    Batch,
    Format,
    RejectsFile,
    Table,
    free_names,
    open_table,
    open_writer,
    text_column,
    with_columns,
    with_fields,
)
from textshot.tables.batches import rejected
from textshot.tables.categories import text_columns_of

if TYPE_CHECKING:
    import pyarrow as pa

ADDED = ("label", "score", "margin")
"""The columns that are added to the input's own; of a calibrated engine "probability" too."""

_DIGITS = 6


@dataclass(slots=True)
class Tally:
    """How many texts a category got, and the one that scored highest."""

    count: int = 0
    best: float = float("-inf")
    example: str = ""


@dataclass(slots=True)
class Report:
    """What a run did: `read == written + rejected`."""

    read: int = 0
    written: int = 0
    rejected: int = 0
    unknown: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    """Each added column and the name that it got: another one where that was taken."""
    text_columns: tuple[str, ...] = ()
    rejects_path: Path | None = None
    reading: Reading = field(default_factory=Reading)
    from_stream: bool = False
    """Whether the input can be read once only, so that its beginning is what was adapted to."""
    adaptation: Adaptation | None = None
    threshold: float | None = None
    """Of the engine that answered, after it adapted."""

    def count(self, text: str, prediction: Prediction) -> None:
        """Take one answer into account."""
        label = prediction.label or UNKNOWN
        self.unknown += prediction.label is None
        tally = self.tallies.setdefault(label, Tally())
        tally.count += 1
        if prediction.score > tally.best:
            tally.best, tally.example = prediction.score, text


def categorize(
    engine: Engine,
    source: str | Path,
    target: str | Path,
    *,
    text_columns: Sequence[str] = (),
    threshold: Threshold = "auto",
    input_format: Format | None = None,
    output_format: Format | None = None,
    encoding: str | None = None,
    escape: bool = True,
    rejects: str | Path,
    adapt: bool = False,
    advance: Callable[[int, float | None], None] = lambda rows, fraction: None,
) -> Report:
    """Write the rows of `source` to `target` with label, score and margin added.

    Memory does not grow with the file. The target appears when it is complete; until then, and
    after any failure, what was there before is there.

    Args:
        engine: what answers.
        source: a table, "-" for standard input.
        target: a table, "-" for standard output.
        text_columns: the columns that hold the text, joined; none: the column `text`, or the only
            one there is.
        threshold: as in `Engine.classify`.
        input_format: None goes by the ending of the name.
        output_format: the same.
        encoding: of a text table; None: UTF-8, or what its byte order mark says.
        escape: in CSV and TSV, put an apostrophe before cells that a spreadsheet would run.
        rejects: where rows go that cannot be used, with file, line and reason; the file is made
            with the first of them.
        adapt: let the categories move towards the texts of the input first (`Engine.adapted`): a
            file is read twice, of standard input and other pipes it is the first 5,000 texts.
        advance: called with the number of rows done since the last call, and how much of the input
            that makes, 0 to 1, or None when its size is not known.
    """
    _check_places(source, target, rejects)
    read = partial(open_table, source, format=input_format, encoding=encoding)
    engine = _that_remembers(engine)
    with read() as table:
        columns = text_columns_of(table, text_columns)
        report, calibrated = Report(text_columns=tuple(columns)), engine.calibrated
        # A pipe can be read once only, whatever its name.
        report.from_stream = str(source) == STDIO or not Path(source).is_file()
        batches: Iterator[Batch]
        if adapt:
            again = None if report.from_stream else read
            engine, batches = adapt_to(engine, table, columns, again)
        else:
            batches = table.batches()
        report.adaptation = engine.index.state.adaptation
        report.threshold = engine.decision.threshold
        added = ADDED + ("probability",) * calibrated
        report.columns = names = free_names(table.columns, added)
        schema = with_fields(table.schema, dict(zip(names.values(), _kinds(added), strict=True)))
        with (
            open_writer(target, schema, format=output_format, escape=escape) as writer,
            RejectsFile(rejects) as bad,  # in place first: no output without its rejects
        ):
            for batch in batches:
                before = report.written + report.rejected
                batch = _only_texts(batch, columns, table)
                for reject in batch.rejects:
                    bad.write(reject)
                texts = text_column(batch, columns)
                predictions = engine.classify(texts, k=1, threshold=threshold)
                answers = _answers(predictions, added)
                writer.write(with_columns(batch, dict(zip(names.values(), answers, strict=True))))
                report.reading += engine.reading(texts)
                for text, prediction in zip(texts, predictions, strict=True):
                    report.count(text, prediction)
                report.written += len(texts)
                report.rejected += len(batch.rejects)
                report.read = report.written + report.rejected
                advance(report.read - before, table.fraction)
        report.rejects_path = bad.path if bad.count else None
        return report


def _that_remembers(engine: Engine) -> Engine:
    """Return an engine that encodes a text once, also where it comes again in a later batch."""
    if isinstance(engine.encoder, RememberingEncoder | PrecomputedEncoder):
        return engine
    found = copy(engine)
    found.encoder = RememberingEncoder(engine.encoder)
    return found


def _check_places(source: str | Path, target: str | Path, rejects: str | Path) -> None:
    if str(rejects) == STDIO:
        raise TableError("rejected rows cannot go to the standard output. Name a file for them")
    taken = {os.path.realpath(place) for place in (source, target) if str(place) != STDIO}
    if os.path.realpath(rejects) in taken:
        raise TableError(
            f"{rejects}: the rejected rows would replace the input or the output. Name another file"
        )


def _kinds(added: Sequence[str]) -> list[pa.DataType]:
    import pyarrow as pa

    return [pa.string() if name == "label" else pa.float64() for name in added]


def _only_texts(batch: Batch, columns: Sequence[str], table: Table) -> Batch:
    """Move rows whose text is empty to the rejects: there is nothing to categorise."""
    import pyarrow as pa

    texts = text_column(batch, columns)
    empty = [i for i, text in enumerate(texts) if not text.strip()]
    if not empty:
        return batch
    reason = f"the text is empty ({', '.join(columns)})"
    rejects = [
        rejected(
            table.source,
            batch.lines[i],
            reason,
            list(batch.data.slice(i, 1).to_pylist()[0].values()),
        )
        for i in empty
    ]
    gone = set(empty)
    kept = [i for i in range(len(texts)) if i not in gone]
    return Batch(
        batch.data.take(pa.array(kept, pa.int64())),
        [batch.lines[i] for i in kept],
        sorted([*batch.rejects, *rejects], key=lambda reject: reject.line),
    )


def _answers(predictions: Sequence[Prediction], added: Sequence[str]) -> list[pa.Array]:
    import pyarrow as pa

    columns = {
        "label": [p.label or UNKNOWN for p in predictions],
        "score": [round(p.score, _DIGITS) for p in predictions],
        "margin": [round(p.margin, _DIGITS) for p in predictions],
        "probability": [p.probability and round(p.probability, _DIGITS) for p in predictions],
    }
    return [pa.array(columns[name], kind) for name, kind in zip(added, _kinds(added), strict=True)]
