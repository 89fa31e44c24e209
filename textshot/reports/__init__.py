"""Evaluations and indexes as pages that one looks at instead of reading."""

from textshot.reports.evaluation import evaluation_page
from textshot.reports.map import index_map

__all__ = ["evaluation_page", "index_map"]
