"""From texts to answers, a batch of several requests at once; all of it runs in a thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic_core import to_json

from textshot.engine.predict import predict
from textshot.service.batcher import Job
from textshot.service.served_index import Snapshot
from textshot.types import Prediction, Threshold

Parts = Sequence[tuple[Job, list[int]]]
Done = list[tuple[Job, Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request wants of its texts: predictions by a snapshot, as JSON; k = 0: vectors."""

    snapshot: Snapshot
    k: int
    threshold: Threshold = "auto"


class Answerer:
    """The work on a batch: encode what is new, answer what is complete.

    Args:
        told: called with the name of an index and its answers.
    """

    def __init__(self, told: Callable[[str, Sequence[Prediction]], None]) -> None:
        self._told = told

    def __call__(self, parts: Parts) -> Done:
        """Put vectors into jobs, and return what is complete with its answer."""
        done: Done = []
        for some in _by(parts, lambda part: id(part[0].wanted.snapshot.encoder)):
            done += _encoded(some)
        failed = {job for job, _ in done}
        ready = [job for job, _ in parts if len(job.rows) == len(job.texts) and job not in failed]
        for jobs in _by(ready, lambda job: (id(job.wanted.snapshot), job.wanted.k, _kind(job))):
            done += self._answer(jobs)
        return done

    def _answer(self, jobs: Sequence[Job]) -> Done:
        """Answer jobs that want the same of the same snapshot."""
        wanted: Wanted = jobs[0].wanted
        vectors = [np.stack([job.rows[i] for i in range(len(job.texts))]) for job in jobs]
        if wanted.k == 0:
            return list(zip(jobs, vectors, strict=True))
        blank = np.array([not text.strip() for job in jobs for text in job.texts])
        state = wanted.snapshot.state
        found = predict(state, np.concatenate(vectors), wanted.k, wanted.threshold, blank)
        self._told(wanted.snapshot.name, found)
        done: Done = []
        start = 0
        for job in jobs:
            some = found[start : start + len(job.texts)]
            start += len(some)
            done.append((job, body(wanted.snapshot, job.texts, some)))
        return done


def body(snapshot: Snapshot, texts: Sequence[str], found: Sequence[Prediction]) -> bytes:
    """Return predictions as the JSON of an answer."""
    told = {
        "predictions": [as_dict(*pair) for pair in zip(texts, found, strict=True)],
        "index": snapshot.name,
        "index_generation": snapshot.generation,
        "encoder_fingerprint": snapshot.encoder.fingerprint,
    }
    return to_json(told)


def as_dict(text: str, found: Prediction) -> dict[str, Any]:
    """Return a prediction as JSON has it, with the reason where it is unknown."""
    return {
        "label": found.label,
        "probability": found.probability,
        "score": found.score,
        "margin": found.margin,
        "threshold": found.threshold,
        "unknown_because": _why(text, found),
        "matches": [
            {
                "label": match.label,
                "score": match.score,
                "key": asdict(match.key),
            }
            for match in found.matches
        ],
    }


def _why(text: str, found: Prediction) -> str | None:
    if found.label is not None:
        return None
    if not found.matches:
        return "no_categories"
    if not text.strip():
        return "empty"
    below = found.threshold is not None and found.score < found.threshold
    return "below_threshold" if below else "near_nothing"


def _encoded(parts: Parts) -> Done:
    """Encode texts that share an encoder; return the jobs that failed, each for its own texts."""
    try:
        _encode(parts)
        return []
    except Exception as error:
        if len(parts) == 1:
            return [(parts[0][0], error)]
        return [failed for part in parts for failed in _encoded([part])]


def _encode(parts: Parts) -> None:
    texts = [job.texts[place] for job, places in parts for place in places]
    rows = iter(parts[0][0].wanted.snapshot.encoder.encode(texts))
    for job, places in parts:
        for place in places:
            job.rows[place] = next(rows)


def _kind(job: Job) -> tuple[str, Threshold]:
    """Tell thresholds apart; 1 and 1.0 are one, 'auto' and None are none of these."""
    return type(job.wanted.threshold).__name__, job.wanted.threshold


def _by(items: Iterable[Any], key: Callable[[Any], Any]) -> list[list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())
