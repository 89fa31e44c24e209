"""The index: categories and their vectors in memory (`Index`), and the folder that keeps them."""

from textshot.index.disk.generations import Generation, generations, rollback
from textshot.index.entries import PLAIN, EncoderIdentity, Entry, OutOfScope
from textshot.index.index import Index
from textshot.index.state import State

__all__ = [
    "PLAIN",
    "EncoderIdentity",
    "Entry",
    "Generation",
    "Index",
    "OutOfScope",
    "State",
    "generations",
    "rollback",
]
