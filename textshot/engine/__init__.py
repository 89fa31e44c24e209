"""The engine: encoder + network + index + decision. Nothing else computes a label."""

from textshot.engine.engine import Engine
from textshot.engine.results import EngineInfo, PredictionArrays

__all__ = ["Engine", "EngineInfo", "PredictionArrays"]
