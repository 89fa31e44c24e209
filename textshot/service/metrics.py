"""Prometheus metrics: a bounded number of series, and no text in any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from textshot._version import __version__
from textshot.service.served_index import ServedIndex
from textshot.types import UNKNOWN, Prediction

MAX_CATEGORIES = 50
"""Categories of an index with a series of their own; the rest share "(others)"."""

OTHERS = "(others)"

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_TOKENS = (16, 64, 256, 512, 1024, 2048, 4096, 8192)
_SCORES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Metrics:
    """The metrics of one service; also the observer of its batcher."""

    def __init__(self, indexes: Sequence[ServedIndex]) -> None:
        self._registry = CollectorRegistry()
        self._add_request_metrics()
        self._add_prediction_metrics()
        self._categories: dict[str, set[str]] = {served.name: set() for served in indexes}
        self._registry.register(_IndexCollector(indexes))

    def _add_request_metrics(self) -> None:
        common: dict[str, Any] = {"registry": self._registry, "namespace": "textshot"}
        timed = common | {"buckets": _SECONDS}
        requests = Counter("requests", "Requests", ("route", "method", "status"), **common)
        latency = Histogram("request_seconds", "Time to the last byte", ("route",), **timed)
        self._requests = lru_cache(512)(requests.labels)
        self._latency = lru_cache(64)(latency.labels)
        self.errors = Counter("errors", "Requests refused or failed, by code", ("code",), **common)
        self._queue = Gauge("queue_tokens", "Tokens waiting for the encoder", **common)
        self._wait = Histogram("queue_wait_seconds", "Time until encoding starts", **timed)
        tokens = common | {"buckets": _TOKENS}
        self._tokens = Histogram("batch_tokens", "Estimated tokens of a batch", **tokens)
        self._batch = Histogram("batch_seconds", "Time to encode and classify a batch", **timed)
        self._dropped = Counter("dropped", "Requests without an answer", ("reason",), **common)

    def _add_prediction_metrics(self) -> None:
        common: dict[str, Any] = {"registry": self._registry, "namespace": "textshot"}
        self._texts = Counter("texts", "Texts classified", ("index",), **common)
        self._unknown = Counter("unknown", "Texts classified as unknown", ("index",), **common)
        scores = Histogram(
            "score",
            "Score of the best category, by the predicted category or unknown",
            ("index", "category"),
            buckets=_SCORES,
            **common,
        )
        self._scores = lru_cache(4096)(scores.labels)

    def observe_queue(self, tokens: int) -> None:
        """Set the number of tokens in the queue."""
        self._queue.set(tokens)

    def observe_batch(self, tokens: int, seconds: float) -> None:
        """Add a batch."""
        self._tokens.observe(tokens)
        self._batch.observe(seconds)

    def observe_wait(self, seconds: float) -> None:
        """Add the time from the arrival of a request to its first batch."""
        self._wait.observe(seconds)

    def count_dropped(self, reason: str) -> None:
        """Count a request that ended without a result."""
        self._dropped.labels(reason).inc()

    def count_predictions(self, index: str, predictions: Sequence[Prediction]) -> None:
        """Count predictions; a shift in the distribution of scores shows drift."""
        n_unknown = 0
        for prediction in predictions:
            label = self._series(index, prediction.label)
            n_unknown += prediction.label is None
            self._scores(index, label).observe(prediction.score)
        self._texts.labels(index).inc(len(predictions))
        self._unknown.labels(index).inc(n_unknown)

    def _series(self, index: str, label: str | None) -> str:
        """Return the series of a label: the first MAX_CATEGORIES labels have their own."""
        categories = self._categories[index]
        if label is None:
            return UNKNOWN
        if label not in categories and len(categories) >= MAX_CATEGORIES:
            return OTHERS
        categories.add(label)
        return label

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request by its route, never by its path."""
        self._requests(route, method, str(status)).inc()
        self._latency(route).observe(seconds)

    def scrape(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(_WithoutCreated(self._registry))


class _WithoutCreated(CollectorRegistry):
    """A registry without the time at which each series began: half of all lines, of no use."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._all = registry

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        for metric in self._all.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric


class _IndexCollector(Collector):
    """Reads the state of each index when the metrics are scraped."""

    def __init__(self, indexes: Sequence[ServedIndex]) -> None:
        self._indexes = indexes

    def collect(self) -> Iterator[Metric]:
        """Yield generation, size and failed reloads of each index."""
        for name, (help_text, value) in _GAUGES.items():
            family = GaugeMetricFamily(f"textshot_{name}", help_text, labels=["index"])
            for served in self._indexes:
                family.add_metric([served.name], value(served))
            yield family
        version = GaugeMetricFamily("textshot_info", "Version", labels=["version"])
        version.add_metric([__version__], 1)
        yield version


def _generation(served: ServedIndex) -> int:
    return 0 if served.current is None else served.current.generation


def _n_categories(served: ServedIndex) -> int:
    return 0 if served.current is None else len(served.current.engine.info.labels)


_GAUGES: dict[str, tuple[str, Callable[[ServedIndex], int]]] = {
    "generation": ("Generation in use", _generation),
    "categories": ("Number of categories", _n_categories),
    "reload_failures": ("Failed loads since the start", lambda served: served.n_load_errors),
    "reload_failing": (
        "1 while the generation on disk cannot be loaded",
        lambda served: served.load_error is not None,
    ),
}
