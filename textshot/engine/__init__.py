"""The engine: encoder + network + index + decision. Nothing else computes a label."""

from textshot.engine.engine import Engine
from textshot.engine.info import EngineInfo
from textshot.engine.predictions import PredictionArrays

__all__ = ["Engine", "EngineInfo", "PredictionArrays"]
