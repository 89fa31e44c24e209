"""What texts that nobody labelled tell about an index: what a run's summary would say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from textshot.batch.diagnostics import Doubt, doubts_about
from textshot.batch.tally import Tally, tally_of
from textshot.batch.worker import Worker
from textshot.engine import Engine

_ROWS = 4096


def doubts_of_texts(
    engine: Engine, texts: Iterable[str], *, advance: Callable[[int], None] = lambda done: None
) -> tuple[Tally, list[Doubt]]:
    """Answer texts; return what was counted of them, and which categories look wrong by that.

    Args:
        engine: what answers.
        texts: read one after another; what is held does not grow with their number.
        advance: called with how many were answered since the last call.
    """
    import pyarrow as pa

    worker = Worker.beside(engine, ["text"], ["text"])
    source = iter(texts)
    found: Tally | None = None
    while part := list(islice(source, _ROWS)):
        data = pa.RecordBatch.from_pydict({"text": pa.array(part, pa.string())})
        counted = tally_of(worker.answered(data), 0, engine.reading(part))
        found = counted if found is None else found.__iadd__(counted)
        advance(len(part))
    tally = found or Tally()
    own = {c.name: c.threshold for c in engine.categories if c.threshold is not None}
    return tally, doubts_about(tally, engine.index.labels, engine.decision.threshold, own)
