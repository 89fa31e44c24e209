"""The batch job: a file of texts in, the same rows with their categories out."""

from textshot.categorize.local import Report, Tally, categorize

__all__ = ["Report", "Tally", "categorize"]
