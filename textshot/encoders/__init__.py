"""Encoders: texts in, unit vectors out. Importing this loads no model and no heavy library."""

from textshot.encoders.base import Encoder, clean_texts
from textshot.encoders.cache import CachedEncoder
from textshot.encoders.custom import FunctionEncoder, PrecomputedEncoder
from textshot.encoders.hashing import HashingEncoder
from textshot.encoders.loading import DEFAULT_ENCODER, load_encoder
from textshot.encoders.long_texts import TruncationStats

__all__ = [
    "DEFAULT_ENCODER",
    "CachedEncoder",
    "Encoder",
    "FunctionEncoder",
    "HashingEncoder",
    "PrecomputedEncoder",
    "TruncationStats",
    "clean_texts",
    "load_encoder",
]
