"""What a job did, for whoever started it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from textshot.batch.compare import Drift, Side
from textshot.batch.run_identity import Identity
from textshot.batch.tally import Tally
from textshot.batch.worker import Worker
from textshot.encoders import TruncationStats
from textshot.types import UNKNOWN, Adaptation


@dataclass(frozen=True)
class Report:
    """What a run did: `read == written + rejected`.

    Attributes:
        tally: what was counted.
        columns: each added column and the name that it got: another one where that was taken.
        text_columns: those that hold the text.
        failed: files that could not be read, or not to their end, with the reason.
        rejects_path: where rows are that could not be used; None: there were none.
        adaptation: to how many texts the categories adapted; None: they were not asked to.
        threshold: of the engine that answered, after it adapted.
        from_stream: whether the input could be read once only, so that its beginning is what was
            adapted to.
        fingerprint: of the run; empty where nothing was kept that it could be resumed by.
        n_known: shards that an earlier process had done.
        run: the folder of the run; None where there is none.
        about: what answered, and what was asked, see `facts_of`; empty where there is no run.
        drift: what is another than in an earlier run; None: none was named. It is no part of the
            run, and not in its record.
        n_review: rows that were written for people to look at.
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
    n_known: int = 0
    run: Path | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    drift: Drift | None = None
    n_review: int = 0

    @property
    def read(self) -> int:
        """Rows that were read."""
        return self.tally.read

    @property
    def written(self) -> int:
        """Rows with an answer."""
        return self.tally.written

    @property
    def rejected(self) -> int:
        """Rows that could not be used."""
        return self.tally.rejected

    @property
    def unknown(self) -> int:
        """Rows that no category got."""
        return self.tally.counts.get(UNKNOWN, 0)

    @property
    def truncation_stats(self) -> TruncationStats:
        """What of the texts was not read, or not well."""
        return self.tally.truncation

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it: the same for the same run, however often it was stopped."""
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
            "about": dict(self.about),
            "adaptation": None if self.adaptation is None else asdict(self.adaptation),
            "tally": self.tally.record(),
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any], run: Path, n_known: int) -> Self:
        """Return what `record` gave."""
        adaptation = record["adaptation"]
        return cls(
            tally=Tally.of_record(record["tally"]),
            columns=record["columns"],
            text_columns=tuple(record["text_columns"]),
            failed=[(path, reason) for path, reason in record["failed"]],
            rejects_path=None if record["rejects"] is None else Path(record["rejects"]),
            adaptation=None if adaptation is None else Adaptation(**adaptation),
            threshold=record["threshold"],
            fingerprint=record["fingerprint"],
            n_known=n_known,
            run=run,
            about=record["about"],
        )

    def side(self) -> Side:
        """Return what of it is compared with another run."""
        known, unknown = self.tally.scores["known"], self.tally.scores["unknown"]
        return Side(
            fingerprint=self.fingerprint,
            generation=self.about["index"]["generation"],
            content=self.about["index"]["content"],
            encoder=self.about["encoder"]["fingerprint"],
            threshold=self.about["threshold"],
            written=self.written,
            counts=self.tally.counts,
            categories=self.about["categories"],
            scores=[a + b for a, b in zip(known, unknown, strict=True)],
        )


def facts_of(worker: Worker, identity: Identity) -> dict[str, Any]:
    """Return what a summary says of a run beside its figures.

    `threshold` is what was asked for; `thresholds` are those that single categories have.
    """
    engine, asked = worker.engine, worker.threshold
    auto = isinstance(asked, str)
    own = {c.name: c.threshold for c in engine.categories if c.threshold is not None}
    return {
        "index": identity["index"],
        "encoder": {"name": engine.encoder.name, **identity["encoder"]},
        "threshold": engine.decision.threshold if auto else asked,
        "thresholds": own if auto else {},
        "options": identity["options"],
        "inputs": [found[0] for found in identity["inputs"]],
        "categories": list(engine.index.labels),
    }
