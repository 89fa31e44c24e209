"""Classify a batch of several requests and write the answers as JSON; threads run this."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from pydantic_core import to_json

from textshot._arrays import BoolArray, FloatArray
from textshot._characters import is_blank, whole_characters
from textshot.encoders import Encoder
from textshot.service.batcher import Batch, Batcher, Job
from textshot.service.served_index import Snapshot
from textshot.types import UNREADABLE, Example, Key, Match, Prediction, Threshold

Results = list[tuple[Job, Any]]


@dataclass(frozen=True, slots=True)
class Task:
    """What to do with the vectors of a job: return k matches as JSON, or for k = 0 the vectors."""

    snapshot: Snapshot
    k: int
    threshold: Threshold = "auto"


class QueuedEncoder(Encoder):
    """The encoder of a snapshot, for a thread: its texts wait in the queue of the batcher.

    So an uploaded file gets the share of one request, and other requests proceed beside it.
    """

    def __init__(
        self, snapshot: Snapshot, batcher: Batcher, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._inner: Encoder = snapshot.engine.encoder
        super().__init__(
            self._inner.name,
            dim=self._inner.dim,
            fingerprint=self._inner.fingerprint,
            source=self._inner.source,
            spec=self._inner.spec,
        )
        self._snapshot, self._batcher, self._loop = snapshot, batcher, loop

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts, float32 of shape (n_texts, dim)."""
        if not texts:
            return self._snapshot.engine.encoder.encode(texts)
        future = asyncio.run_coroutine_threadsafe(self._encode(list(texts)), self._loop)
        vectors: FloatArray = future.result()
        return vectors

    def unreadable(self, texts: Sequence[str]) -> BoolArray:
        """Tell which texts say nothing to the encoder."""
        return self._inner.unreadable(texts)

    async def _encode(self, texts: list[str]) -> FloatArray:
        task = Task(self._snapshot, k=0)
        vectors: FloatArray = await self._batcher.submit(texts, task, background=True)
        return vectors


class BatchClassifier:
    """Encodes the texts of a batch and answers the jobs that are complete.

    Args:
        on_predictions: called with the name of an index and predictions by it.
    """

    def __init__(self, on_predictions: Callable[[str, Sequence[Prediction]], None]) -> None:
        self._on_predictions = on_predictions

    def __call__(self, batch: Batch) -> Results:
        """Fill in vectors; return each complete job with its result or an exception."""
        results: Results = []
        for part in _grouped(batch, lambda item: id(item[0].task.snapshot.engine.encoder)):
            results += _encode(part)
        failed = {job for job, _ in results}
        complete = [
            job for job, _ in batch if len(job.vectors) == len(job.texts) and job not in failed
        ]
        for jobs in _grouped(complete, _task_key):
            results += self._classify(jobs)
        return results

    def _classify(self, jobs: Sequence[Job]) -> Results:
        """Answer jobs with equal tasks."""
        task: Task = jobs[0].task
        vectors = [np.stack([job.vectors[i] for i in range(len(job.texts))]) for job in jobs]
        if task.k == 0:
            return list(zip(jobs, vectors, strict=True))
        blank = task.snapshot.engine.unreadable([text for job in jobs for text in job.texts])
        predictions = task.snapshot.engine.classify_vectors(
            np.concatenate(vectors), task.k, threshold=task.threshold, blank=blank
        )
        self._on_predictions(task.snapshot.name, predictions)
        remaining = iter(predictions)
        parts = [list(islice(remaining, len(job.texts))) for job in jobs]
        return [
            (job, _body(task.snapshot, job.texts, part))
            for job, part in zip(jobs, parts, strict=True)
        ]


def prediction_json(text: str, prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as the API has it, with the reason if it is unknown."""
    return {
        "label": prediction.label,
        "probability": prediction.probability,
        "score": prediction.score,
        "margin": prediction.margin,
        "threshold": prediction.threshold,
        "unknown_because": _unknown_because(text, prediction),
        "matches": [_match_json(match) for match in prediction.matches],
    }


def _match_json(match: Match) -> dict[str, Any]:
    key = {"kind": match.key.kind, **example_json(match.key)}
    return {"label": match.label, "score": match.score, "key": key}


def example_json(example: Example | Key) -> dict[str, Any]:
    """Return an example or a key as the API has it.

    An index may hold half characters, as the library keeps examples unchanged; UTF-8 may not.
    """
    text = None if example.text is None else whole_characters(example.text)
    source = whole_characters(example.source)
    return {"text": text, "source": source, "written": example.correction_order}


def _body(snapshot: Snapshot, texts: Sequence[str], predictions: Sequence[Prediction]) -> bytes:
    pairs = zip(texts, predictions, strict=True)
    return to_json(
        {
            "predictions": [prediction_json(text, prediction) for text, prediction in pairs],
            "index": snapshot.name,
            "index_generation": snapshot.generation,
            "encoder_fingerprint": snapshot.engine.encoder.fingerprint,
        }
    )


def _unknown_because(text: str, prediction: Prediction) -> str | None:
    reason = prediction.unknown_because
    return "empty" if reason == UNREADABLE and is_blank(text) else reason


def _encode(batch: Batch) -> Results:
    """Encode texts with one encoder; return the jobs whose own texts cannot be encoded."""
    texts = [job.texts[position] for job, positions in batch for position in positions]
    try:
        rows = iter(batch[0][0].task.snapshot.engine.encoder.encode(texts))
    except Exception as error:
        if len(batch) == 1:
            return [(batch[0][0], error)]
        return [failure for part in batch for failure in _encode([part])]
    for job, positions in batch:
        for position in positions:
            job.vectors[position] = next(rows)
    return []


def _task_key(job: Job) -> tuple[object, ...]:
    task: Task = job.task
    return id(task.snapshot), task.k, type(task.threshold), task.threshold


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> list[list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())
