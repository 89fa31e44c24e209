"""The summary of an earlier run, by whatever a person has of it: its output, or the file itself."""

from __future__ import annotations

import json
from pathlib import Path

from textshot.batch.outputs import run_beside, run_in
from textshot.batch.run_log import RUN, SUMMARY
from textshot.batch.run_report import Report
from textshot.errors import TableError


def earlier_report(place: str | Path, run: Path) -> Report:
    """Read the summary of an earlier run.

    Args:
        place: a `summary.json`, or the output of the run, whose summary lies beside it or in it.
        run: the folder of the run that is compared with it, which is another one.

    Raises:
        TableError: there is none, it is no summary, or it is that of the run itself.
    """
    path = _summary_of(Path(place))
    if path.resolve() == (run / SUMMARY).resolve():
        raise TableError(
            f"{place}: this is where the run itself writes, and its summary takes the place of the"
            f" earlier one. Name another output, or keep a copy of {path} and compare with that"
        )
    try:
        found = Report.of_record(json.loads(path.read_bytes()), path.parent, 0)
        found.side()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TableError(
            f"{path}: is no summary of textshot, or is damaged ({error!r}). Name the summary.json"
            " of a run, or its output"
        ) from error
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error
    return found


def _summary_of(place: Path) -> Path:
    """Return where the summary of a run is, by the name of the file or of the output."""
    folders = [run_beside(str(place)), run_in(str(place)), place]
    for folder in folders:
        if (folder / SUMMARY).is_file():
            return folder / SUMMARY
    for folder in folders:
        if (folder / RUN).is_file():
            raise TableError(f"{place}: its run is not finished. Finish it first, by the same call")
    if place.is_file() and place.suffix == ".json":
        return place
    raise TableError(
        f"{place}: there is no summary of a run beside it. Name the summary.json of an earlier run,"
        " or its output"
    )
