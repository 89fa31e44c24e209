"""The file of a review: where it may lie, and what it is known by when it comes back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from textshot.errors import TableError
from textshot.io import STDIO, Format, open_table, text_column
from textshot.io.formats import format_of

_MARKS = frozenset({"text", "answer", "second", "third", "label"})


def is_review(columns: Iterable[str]) -> bool:
    """Tell by its columns whether a table is a review: there "unknown" is what somebody said."""
    return set(columns) >= _MARKS


def check_review(path: Path, taken: Iterable[str | Path]) -> None:
    """Refuse a place for a review where it would do harm, before anything is answered.

    Args:
        path: the file.
        taken: the input, its files, and the output: what reads a folder would take the review for
            a part of it.

    Raises:
        TableError: why.
    """
    if str(path) == STDIO:
        raise TableError("a review cannot go to the standard output. Name a file for it")
    if format_of(str(path), None, stdio=Format.CSV, output=True) is Format.TEXT:
        raise TableError(f"{path}: a review is a table. Name a file that ends in .xlsx, or .csv")
    place = path.resolve()
    if {place, *place.parents} & {Path(one).resolve() for one in taken}:
        raise TableError(
            f"{path}: the review would replace the input or the output, or lie in it. Name another"
            " file"
        )
    if not path.parent.is_dir():
        raise TableError(f"{path}: the folder {path.parent} does not exist. Make it first")
    if path.exists():
        _check_replaceable(path)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace what people have filled in, or any other table."""
    with open_table(path) as table:
        if not is_review(table.columns):
            raise TableError(f"{path}: is there already and no review. Name another file")
        cells = (cell for batch in table.batches() for cell in text_column(batch.data, ["label"]))
        filled = sum(bool(cell.strip()) for cell in cells)
    if filled:
        raise TableError(
            f"{path}: {_labels(filled)} filled in there already. Give them back by `textshot"
            f" correct INDEX --from {path}`, and name another file for the next review"
        )


def _labels(n: int) -> str:
    return "1 label is" if n == 1 else f"{n} labels are"
