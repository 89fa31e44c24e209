"""The engine: encoder + network + index + decision. Nothing else computes a label."""

from textshot.engine.engine import Engine

__all__ = ["Engine"]
