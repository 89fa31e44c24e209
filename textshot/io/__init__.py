"""Read and write user files as streams of Arrow batches; nothing else in textshot does.

A table is read slice by slice and written slice by slice, so that memory does not grow with the
file. Bad rows do not stop the reading; they come out beside the good ones, each with its line and
the reason. Files that cannot be read or written at all raise TableError.
"""

from textshot.io.batches import Batch, Reject, rejected
from textshot.io.columns import find_column, free_names, text_column, with_columns, with_fields
from textshot.io.formats import STDIO, Format
from textshot.io.table import Table, TableOptions, open_table
from textshot.io.writer import RejectsFile, Writer, open_writer

__all__ = [
    "STDIO",
    "Batch",
    "Format",
    "Reject",
    "RejectsFile",
    "Table",
    "TableOptions",
    "Writer",
    "find_column",
    "free_names",
    "open_table",
    "open_writer",
    "rejected",
    "text_column",
    "with_columns",
    "with_fields",
]
