"""The command line: parse, call, print. No logic of its own."""

from textshot.cli.main import main

__all__ = ["main"]
