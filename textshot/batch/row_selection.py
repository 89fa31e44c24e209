"""Which rows of an input are read: all of them, the first ones, or a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from textshot.errors import TableError
from textshot.io import Batch

_ALL = 1 << 64


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are read.

    Attributes:
        limit: the first so many; None: all.
        share: of the rows, 0 to 1, drawn by where each stands: the same ones in each run.
        seed: for the draw.
    """

    limit: int | None = None
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what chooses nothing."""
        if self.limit is not None and self.limit < 1:
            raise TableError(f"limit is {self.limit}; 1 row at least is needed")
        if not 0.0 < self.share <= 1.0:
            raise TableError(f"the sample is {self.share} of the rows; more than 0, at most 1")

    def of(self, batch: Batch, place: int) -> Batch:
        """Return the rows of a slice that are drawn; `place` is that of its file."""
        import pyarrow as pa

        if self.share == 1.0:
            return batch
        kept = [i for i, line in enumerate(batch.lines) if self._draws(place, line)]
        return Batch(
            batch.data.take(pa.array(kept, pa.int64())),
            [batch.lines[i] for i in kept],
            [reject for reject in batch.rejects if self._draws(place, reject.line)],
        )

    def of_all(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Return the rows of a table that are read."""
        left = self.limit
        for batch in batches:
            found = self.of(batch, 0)
            if left is not None:
                found = first_rows(found, left)
                left -= len(found.lines) + len(found.rejects)
            yield found
            if left is not None and left <= 0:
                return

    def _draws(self, place: int, line: int) -> bool:
        found = blake2b(f"{self.seed} {place} {line}".encode(), digest_size=8).digest()
        return int.from_bytes(found, "little") < self.share * _ALL


def first_rows(batch: Batch, most: int) -> Batch:
    """Return the first rows of a slice, counted with its rejects."""
    lines = sorted([*batch.lines, *(reject.line for reject in batch.rejects)])
    if len(lines) <= most:
        return batch
    rejects = [reject for reject in batch.rejects if reject.line < lines[most]]
    kept = most - len(rejects)
    return Batch(batch.data.slice(0, kept), batch.lines[:kept], rejects)


EVERY_ROW = Choice()
