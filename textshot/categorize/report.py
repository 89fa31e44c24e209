"""What a job did, for whoever started it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from textshot.categorize.tally import Tally
from textshot.encoders import Reading
from textshot.records import UNKNOWN, Adaptation


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
    def reading(self) -> Reading:
        """What of the texts was not read, or not well."""
        return self.tally.reading

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
        )
