"""A change of an engine in the middle of a call: for tests of what runs beside it."""

from __future__ import annotations

from collections.abc import Callable

from textshot import Engine


def while_encoding(engine: Engine, change: Callable[[], object]) -> None:
    """Let `change` happen once, after the engine has encoded and before it goes on."""
    encoder = engine.encoder

    class Slow:
        def __getattr__(self, name):
            return getattr(encoder, name)

        def encode(self, texts, **options):
            rows = encoder.encode(texts, **options)
            engine.encoder = encoder
            change()
            return rows

    engine.encoder = Slow()
