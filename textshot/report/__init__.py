"""Evaluations and indexes as pages that one looks at instead of reading."""

from textshot.report.evaluated import evaluation_page
from textshot.report.map import index_map

__all__ = ["evaluation_page", "index_map"]
