"""The engine: encoder + network + index + decision. OutOfScope else computes a label."""

from textshot.engine.engine import Engine

__all__ = ["Engine"]
