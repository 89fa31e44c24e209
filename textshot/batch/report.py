"""The report of a job: what it read and wrote, for the caller and for `summary.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from textshot.batch.comparison import Drift
from textshot.batch.run_log import Identity
from textshot.batch.tally import Tally
from textshot.batch.worker import Worker
from textshot.encoders import TruncationStats
from textshot.io import Format, open_table, text_column
from textshot.io.batches import most_rejected
from textshot.types import UNKNOWN, Adaptation

_MAX_SHOWN = 10


@dataclass(frozen=True, repr=False)
class Report:
    """What a job did; `read == written + rejected`.

    Attributes:
        tally: counts of the answers.
        columns: each added column and the name it got.
        text_columns: the columns that hold the text.
        failed: files that were not read to their end, with the reason.
        rejects_path: file of the invalid rows; None: there are none.
        adaptation: number of texts the categories adapted to; None: not requested.
        threshold: of the engine, after adaptation.
        from_stream: whether the input is a pipe, so that its beginning was adapted to.
        fingerprint: of the run; empty for a pipe.
        n_resumed: shards that an earlier process had finished.
        run: folder of the run log; None for a pipe.
        backup: where the original is that was edited in place. Not part of `to_dict`.
        facts: what was run, see `facts_of`; empty for a pipe.
        drift: comparison with an earlier run; None: not requested. Not part of `to_dict`.
        n_review: rows written for review.
    """

    tally: Tally = field(default_factory=Tally)
    columns: Mapping[str, str] = field(default_factory=dict)
    text_columns: tuple[str, ...] = ()
    failed: Sequence[tuple[str, str]] = ()
    rejects_path: Path | None = None
    adaptation: Adaptation | None = None
    threshold: float | None = None
    from_stream: bool = False
    fingerprint: str = ""
    n_resumed: int = 0
    run: Path | None = None
    backup: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    drift: Drift | None = None
    n_review: int = 0

    def __repr__(self) -> str:
        """Show the counts."""
        answers = sorted(self.tally.counts.items(), key=lambda item: (-item[1], item[0]))
        lines = [
            f"<Report: {self.read:,} rows read, {self.written:,} written, {self.unknown:,} unknown,"
            f" {self.rejected:,} rejected",
            *(f"{label}: {n:,}" for label, n in answers[:_MAX_SHOWN]),
        ]
        if len(answers) > _MAX_SHOWN:
            lines.append(f"and {len(answers) - _MAX_SHOWN} other categories")
        return "\n  ".join(lines) + ">"

    @property
    def read(self) -> int:
        """Rows read."""
        return self.tally.read

    @property
    def written(self) -> int:
        """Rows with an answer."""
        return self.tally.written

    @property
    def rejected(self) -> int:
        """Invalid rows."""
        return self.tally.rejected

    @property
    def unknown(self) -> int:
        """Rows whose answer is unknown."""
        return self.tally.counts.get(UNKNOWN, 0)

    @property
    def truncation_stats(self) -> TruncationStats:
        """How many texts the encoder truncated."""
        return self.tally.truncation_stats

    def share(self, label: str) -> float:
        """Return the share of a category in all rows with an answer."""
        return self.tally.counts.get(label, 0) / self.written if self.written else 0.0

    def describe_rejects(self) -> str | None:
        """Return why most rows were rejected: the options are wrong then. None: most were not."""
        if self.rejects_path is None:
            return None
        with open_table(self.rejects_path, format=Format.CSV) as table:
            reasons = text_column(next(table.batches()).data, ["reason"])
        return most_rejected(reasons, self.rejected, self.written)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON: the same for the same run, however often it stopped."""
        return {
            "fingerprint": self.fingerprint,
            "read": self.read,
            "written": self.written,
            "rejected": self.rejected,
            "unknown": self.unknown,
            "failed": [list(pair) for pair in self.failed],
            "columns": dict(self.columns),
            "text_columns": list(self.text_columns),
            "rejects": None if self.rejects_path is None else str(self.rejects_path),
            "threshold": self.threshold,
            "facts": dict(self.facts),
            "adaptation": None if self.adaptation is None else asdict(self.adaptation),
            "tally": self.tally.to_dict(),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], run: Path, n_resumed: int = 0) -> Self:
        """Return the report that `to_dict` gave."""
        adaptation, rejects = record["adaptation"], record["rejects"]
        return cls(
            tally=Tally.from_dict(record["tally"]),
            columns=record["columns"],
            text_columns=tuple(record["text_columns"]),
            failed=[(path, reason) for path, reason in record["failed"]],
            rejects_path=None if rejects is None else Path(rejects),
            adaptation=None if adaptation is None else Adaptation(**adaptation),
            threshold=record["threshold"],
            fingerprint=record["fingerprint"],
            n_resumed=n_resumed,
            run=run,
            facts=record["facts"],
        )


def facts_of(worker: Worker, identity: Identity) -> dict[str, Any]:
    """Return what was run: index, encoder, thresholds, options, inputs, categories."""
    engine, threshold = worker.engine, worker.threshold
    is_auto = isinstance(threshold, str)
    return {
        "index": identity["index"],
        "encoder": {"name": engine.encoder.name, **identity["encoder"]},
        "threshold": engine.decision.threshold if is_auto else threshold,
        "thresholds": category_thresholds(worker) if is_auto else {},
        "options": identity["options"],
        "inputs": [source[0] for source in identity["inputs"]],
        "categories": list(engine.index.labels),
    }


def category_thresholds(worker: Worker) -> dict[str, float]:
    """Return the thresholds of categories that have their own."""
    categories = worker.engine.categories
    return {c.name: c.threshold for c in categories if c.threshold is not None}
