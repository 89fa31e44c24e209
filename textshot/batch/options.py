"""The options of a job: the same for the library, the dry run, the command line and Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from textshot.errors import TableError
from textshot.io import STDIO, Batch, Format, TableOptions
from textshot.types import Threshold

DEFAULT_SHARD_ROWS = 16_384
"""About 15 seconds of work for an encoder of 1,000 texts a second."""

OnProgress = Callable[[int, float | None], None]
"""Takes the rows finished since the last call, and the share of the input finished (0 to 1)."""

OnCounts = Callable[[Mapping[str, int]], None]
"""Takes the number of rows of each category so far, "unknown" included."""


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """How a job runs. Everything up to `rejects` identifies the run: to resume, keep it the same.

    Attributes:
        text_columns: columns that hold the text, joined by a newline; empty: the column `text`, or
            the only column.
        threshold: as in `Engine.classify`.
        input_format: format of all inputs; None: by file extension.
        output_format: format of the output; None: by file extension. A folder gets the format of
            the input if all files share one, else CSV.
        encoding: of text files; None: UTF-8, or what a byte order mark says.
        sheet: sheet of a workbook, by its name or its number from 1; None: the first visible one.
        header_row: row of a sheet, or line of CSV, with the names of the columns; None: the first
            that is not empty.
        escape: put an apostrophe and a blank before CSV and TSV cells that a spreadsheet would
            execute; reading removes them.
        metadata: columns of the table of categories to add to each row.
        adapt: adapt category prototypes to the input before classifying (`Engine.adapted`). Files
            are read twice; of a pipe the first 5,000 texts are used.
        limit: read only the first so many rows.
        sample: read only this share of the rows, drawn at random.
        seed: of the sample.
        shard_rows: rows between two checkpoints.
        rejects: file for invalid rows, with source, line and reason; None: beside the output.
        processes: worker processes; None: one if the encoder uses all cores, else one per core.
        run: folder of the run log; None: beside the output. Required if the output is a URL.
        runner: "local", or "ray" (extra `ray`).
        ray_address: of a Ray cluster; "auto": the one this machine belongs to; None: start one.
        in_place: write the answers into the workbook that is the input, which is the output, too.
            The original is kept as `NAME.backup.xlsx`.
        restart: discard what an earlier run left in the output.
        compare: output or `summary.json` of an earlier run to compare with.
        review: file for the most uncertain rows, for people to label.
        review_rows: maximum rows in it.
        carry: columns of the input that the review has, too; (): the first twelve.

    Raises:
        TableError: a value out of range, or options that exclude each other.
    """

    text_columns: Sequence[str] = ()
    threshold: Threshold = "auto"
    input_format: Format | None = None
    output_format: Format | None = None
    encoding: str | None = None
    sheet: str | int | None = None
    header_row: int | None = None
    escape: bool = True
    metadata: Sequence[str] = ()
    adapt: bool = False
    limit: int | None = None
    sample: float = 1.0
    seed: int = 0
    shard_rows: int = DEFAULT_SHARD_ROWS
    rejects: str | Path | None = None
    processes: int | None = None
    run: str | Path | None = None
    runner: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    in_place: bool = False
    restart: bool = False
    compare: str | Path | None = None
    review: str | Path | None = None
    review_rows: int = 100
    carry: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("limit", "shard_rows", "processes", "review_rows"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise TableError(f"{name} is {value}; it must be at least 1")
        if not 0.0 < self.sample <= 1.0:
            raise TableError(f"sample is {self.sample}; it must be above 0 and at most 1")
        if self.runner not in ("local", "ray"):
            raise TableError(f"there is no runner {self.runner!r}. Choose local or ray")
        if self.runner == "ray" and self.limit is not None:
            raise TableError("limit does not work with runner ray. Use sample instead")
        if self.runner != "ray" and self.ray_address is not None:
            raise TableError("ray_address needs runner ray (--runner ray)")
        if str(self.rejects) == STDIO:
            raise TableError("rejected rows cannot go to the standard output. Name a file for them")

    @property
    def table(self) -> TableOptions:
        """How to read the inputs."""
        return TableOptions(
            self.text_columns, None, self.input_format, self.encoding, self.sheet, self.header_row
        )

    @property
    def rows(self) -> RowSelection:
        """Which rows to read."""
        return RowSelection(self.limit, self.sample, self.seed)

    def identity(self) -> dict[str, Any]:
        """Return the options that change the output, as JSON."""
        return {
            "output_format": self.output_format,
            "sheet": self.sheet,
            "header_row": self.header_row,
            "escape": self.escape,
            "adapt": self.adapt,
            "rejects": None if self.rejects is None else str(self.rejects),
            "rows": [self.limit, self.sample, self.seed],
            "shard_rows": self.shard_rows,
        }


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Which rows of an input to read: all, the first `limit`, or a random `sample`.

    Whether a row is in the sample depends on its file, its line and the seed only.
    """

    limit: int | None = None
    sample: float = 1.0
    seed: int = 0

    def sampled(self, batch: Batch, file: int) -> Batch:
        """Return the rows of a batch that are in the sample; `file` is the number of its file."""
        import pyarrow as pa

        if self.sample == 1.0:
            return batch
        kept = [i for i, line in enumerate(batch.lines) if self._selects(file, line)]
        return Batch(
            batch.data.take(pa.array(kept, pa.int64())),
            [batch.lines[i] for i in kept],
            [reject for reject in batch.rejects if self._selects(file, reject.line)],
        )

    def selected(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the selected rows of a table."""
        return first_rows((self.sampled(batch, 0) for batch in batches), self.limit)

    def _selects(self, file: int, line: int) -> bool:
        digest = blake2b(f"{self.seed} {file} {line}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") < self.sample * (1 << 64)


def first_rows(batches: Iterable[Batch], limit: int | None) -> Iterator[Batch]:
    """Yield batches until they hold `limit` rows, rejects included; the last one is cut."""
    for batch in batches:
        lines = sorted([*batch.lines, *(reject.line for reject in batch.rejects)])
        if limit is not None and len(lines) > limit:
            rejects = [reject for reject in batch.rejects if reject.line < lines[limit]]
            n_kept = limit - len(rejects)
            batch = Batch(batch.data.slice(0, n_kept), batch.lines[:n_kept], rejects)
        yield batch
        if limit is not None:
            limit -= len(batch.lines) + len(batch.rejects)
            if limit <= 0:
                return
