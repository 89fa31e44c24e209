"""Encoders: texts in, unit vectors out. Importing this loads no model and no heavy library."""

from textshot.encoders.base import Encoder
from textshot.encoders.cache import CachedEncoder
from textshot.encoders.custom import FunctionEncoder, PrecomputedEncoder
from textshot.encoders.hashing import HashingEncoder
from textshot.encoders.loading import DEFAULT_ENCODER, load_encoder
from textshot.encoders.long_texts import TruncationStats
from textshot.encoders.texts import clean_labels, clean_stream, clean_texts, clean_truths

__all__ = [
    "DEFAULT_ENCODER",
    "CachedEncoder",
    "Encoder",
    "FunctionEncoder",
    "HashingEncoder",
    "PrecomputedEncoder",
    "TruncationStats",
    "clean_labels",
    "clean_stream",
    "clean_texts",
    "clean_truths",
    "load_encoder",
]
