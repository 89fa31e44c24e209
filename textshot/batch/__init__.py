"""The batch job: tables of texts in, the same rows with their categories out."""

from textshot.batch.estimate import Estimate, estimate
from textshot.batch.frames import categorize_frame
from textshot.batch.job import categorize
from textshot.batch.options import JobOptions
from textshot.batch.report import Report
from textshot.batch.tally import Tally

__all__ = [
    "Estimate",
    "JobOptions",
    "Report",
    "Tally",
    "categorize",
    "categorize_frame",
    "estimate",
]
