"""What Prometheus sees: a bounded number of series, and no text in any."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from textshot._version import __version__
from textshot.service.served_index import Served
from textshot.types import UNKNOWN, Prediction

MOST_CATEGORIES = 50
"""Categories of an index with series of their own, the first that are answered; then "(others)"."""

OTHERS = "(others)"

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_TOKENS = (16, 64, 256, 512, 1024, 2048, 4096, 8192)
_SCORES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Metrics:
    """The figures of one service; `scrape` gives them as text."""

    def __init__(self, served: Sequence[Served]) -> None:
        self.registry = CollectorRegistry()
        make: dict[str, Any] = {"registry": self.registry, "namespace": "textshot"}
        self.requests = Counter("requests", "Requests", ("route", "method", "status"), **make)
        self.errors = Counter("errors", "Refused or failed requests by cause", ("code",), **make)
        self.latency = Histogram(
            "request_seconds",
            "From the first byte to the last",
            ("route",),
            buckets=_SECONDS,
            **make,
        )
        self.queue = Gauge("queue_tokens", "Tokens that wait for the encoder", **make)
        self.wait = Histogram(
            "queue_wait_seconds", "Before the first text is encoded", buckets=_SECONDS, **make
        )
        self.tokens = Histogram(
            "batch_tokens", "Tokens of a batch, estimated", buckets=_TOKENS, **make
        )
        self.encode = Histogram(
            "batch_seconds", "Encoding and answering a batch", buckets=_SECONDS, **make
        )
        self.gone = Counter("dropped", "Requests given up unanswered", ("reason",), **make)
        self.texts = Counter("texts", "Texts that were answered", ("index",), **make)
        self.unknown = Counter("unknown", "Of these, those of no category", ("index",), **make)
        self.scores = Histogram(
            "score",
            "Cosine of the best category, by the answer; unknown is one",
            ("index", "category"),
            buckets=_SCORES,
            **make,
        )
        self._known: dict[str, set[str]] = {s.name: set() for s in served}
        self.registry.register(_Indexes(served))
        self._score = lru_cache(4096)(self.scores.labels)
        self._request = lru_cache(512)(self.requests.labels)
        self._latency = lru_cache(64)(self.latency.labels)

    # What the batcher tells.

    def queued(self, tokens: int) -> None:
        """So many tokens wait."""
        self.queue.set(tokens)

    def batch(self, tokens: int, seconds: float) -> None:
        """A batch of so many tokens took so long."""
        self.tokens.observe(tokens)
        self.encode.observe(seconds)

    def waited(self, seconds: float) -> None:
        """A request waited so long before its first text was encoded."""
        self.wait.observe(seconds)

    def dropped(self, reason: str) -> None:
        """A request was given up before it was answered."""
        self.gone.labels(reason).inc()

    # What the routes tell.

    def answered(self, index: str, predictions: Sequence[Prediction]) -> None:
        """Count answers; how scores are distributed shows drift."""
        known = self._known[index]
        unknown = 0
        for found in predictions:
            label = found.label
            if label is None:
                unknown += 1
            elif label not in known:
                if len(known) < MOST_CATEGORIES:
                    known.add(label)
                else:
                    label = OTHERS
            self._score(index, UNKNOWN if label is None else label).observe(found.score)
        self.texts.labels(index).inc(len(predictions))
        self.unknown.labels(index).inc(unknown)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request by its route, never by its path."""
        self._request(route, method, str(status)).inc()
        self._latency(route).observe(seconds)

    def scrape(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)


class _Indexes(Collector):
    """What indexes are at the moment of a scrape."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = served

    def collect(self) -> list[Metric]:
        """Return generation, size and failed reloads of each index."""
        told = {
            "generation": "Generation that answers",
            "categories": "Categories of it",
            "reload_failures": "Generations that were refused since the start",
            "reload_failing": "1 while what is on disk cannot be loaded",
        }
        found = {
            n: GaugeMetricFamily(f"textshot_{n}", t, labels=["index"]) for n, t in told.items()
        }
        for served in self._served:
            now = served.current
            values = {
                "generation": 0 if now is None else now.generation,
                "categories": 0 if now is None else len(now.state.entries),
                "reload_failures": served.failures,
                "reload_failing": int(served.problem is not None),
            }
            for name, value in values.items():
                found[name].add_metric([served.name], value)
        version = GaugeMetricFamily("textshot_info", "Version", labels=["version"])
        version.add_metric([__version__], 1)
        return [*found.values(), version]
