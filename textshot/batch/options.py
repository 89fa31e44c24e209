"""How a job is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textshot.batch.row_selection import EVERY_ROW, Choice
from textshot.batch.shards import SHARD_ROWS
from textshot.errors import TableError
from textshot.io import Format
from textshot.types import Threshold

OnProgress = Callable[[int, float | None], None]
OnCounts = Callable[[Mapping[str, int]], None]


@dataclass(frozen=True)
class JobOptions:
    """How a job is done; all but the last ones make the run what it is.

    Attributes:
        text_columns: the columns that hold the text, joined; none: the column `text`, or the only
            one there is.
        threshold: as in `Engine.classify`.
        input_format: None goes by the endings of the names.
        output_format: the same; of a folder, as the input where all of it is alike, else CSV.
        encoding: of text tables; None: UTF-8, or what a byte order mark says.
        escape: in CSV and TSV, put an apostrophe before cells that a spreadsheet would run.
        metadata: what is added of the category of each row, of what its index knows about it.
        adapt: let the categories move towards the texts of the input first, once.
        choice: which rows are read.
        shard_rows: rows between two commits: what a stop costs at most.
        rejects: where rows go that cannot be used; None: beside the output.
        processes: how many answer; None: one, which uses all cores, where the encoder can.
        run: the folder where the run is kept; None: beside a file, or in the folder.
        cluster: the address of a Ray cluster that does it, "local" for one of this machine alone,
            "auto" for the one that this machine is part of; None: this process.
        restart: throw away what an earlier run left there.
        review: where the most doubtful rows go, for people to look at; None: nowhere.
        review_rows: so many.
    """

    text_columns: Sequence[str] = ()
    threshold: Threshold = "auto"
    input_format: Format | None = None
    output_format: Format | None = None
    encoding: str | None = None
    escape: bool = True
    metadata: Sequence[str] = ()
    adapt: bool = False
    choice: Choice = field(default=EVERY_ROW)
    shard_rows: int = SHARD_ROWS
    rejects: Path | None = None
    processes: int | None = None
    run: Path | None = None
    cluster: str | None = None
    restart: bool = False
    review: Path | None = None
    review_rows: int = 100

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.shard_rows < 1:
            raise TableError(f"shard_rows is {self.shard_rows}; 1 row at least is needed")
        if self.review_rows < 1:
            raise TableError(f"review_rows is {self.review_rows}; 1 row at least is needed")
        if self.cluster is not None and self.choice.limit is not None:
            raise TableError("the first rows of an input are no work for a cluster. Take a sample")
