"""A client of the HTTP service: `classify` as in the library, over the network."""

from textshot.client.client import Client
from textshot.client.wire import AnswerError

__all__ = ["AnswerError", "Client"]
