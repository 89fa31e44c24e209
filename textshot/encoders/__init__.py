"""Encoders: texts in, unit vectors out. Importing this loads no model and no heavy library."""

from textshot.encoders.base import Encoder, clean_texts
from textshot.encoders.hashing import HashingEncoder
from textshot.encoders.own import FunctionEncoder, PrecomputedEncoder
from textshot.encoders.reading import Reading
from textshot.encoders.remembering import RememberingEncoder
from textshot.encoders.resolve import DEFAULT_ENCODER, load_encoder

__all__ = [
    "DEFAULT_ENCODER",
    "Encoder",
    "FunctionEncoder",
    "HashingEncoder",
    "PrecomputedEncoder",
    "Reading",
    "RememberingEncoder",
    "clean_texts",
    "load_encoder",
]
