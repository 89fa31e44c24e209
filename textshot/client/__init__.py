"""A client of the HTTP service: `classify` as the library has it, over the wire."""

from textshot.client.client import Client
from textshot.client.sending import AnswerError

__all__ = ["AnswerError", "Client"]
