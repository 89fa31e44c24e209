"""Pages for people: the report of an evaluation, and the map of an index."""

from textshot.reports.evaluation import evaluation_page
from textshot.reports.map import index_map

__all__ = ["evaluation_page", "index_map"]
