"""Choose the output of a job; a workbook is copied with the answers, or edited in place."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, Self

from textshot._files import keep_copy
from textshot.batch.inputs import Source
from textshot.batch.options import JobOptions
from textshot.batch.outputs import FileOutput, FolderOutput, Output, run_folders
from textshot.batch.plan import Plan, make_plan
from textshot.batch.run_log import Key
from textshot.batch.shards import FileEnd, read_shards
from textshot.errors import TableError, collect_table_warnings, warn_of_table
from textshot.io import Format, Table
from textshot.io.column_choice import ANSWER_COLUMNS, are_answers, is_named
from textshot.io.excel_copy import WorkbookCopy, plan_copy
from textshot.io.files import is_url, open_output
from textshot.io.formats import format_of
from textshot.io.inputs import open_bytes, seekable
from textshot.io.parquet import read_arrow
from textshot.io.values import Cell, sheet_cells
from textshot.io.writer import output_format

if TYPE_CHECKING:
    import pyarrow as pa


class WorkbookOutput(FileOutput):
    """A workbook with the sheets and formats of the input; rejected rows stay as they are."""

    def __init__(self, path: str, options: JobOptions, run: Path, source: Source) -> None:
        super().__init__(path, options, run)
        self.source, self.options = source, options
        self._replaced: Sequence[str] = ()

    def adjust(self, plan: Plan) -> Plan:
        """Leave out the answers of an earlier run in place; refuse what cannot be edited."""
        if not self.options.in_place:
            return plan
        columns = plan.schema.names
        self._replaced = earlier_answers(columns, self.options.metadata)
        used = [name for name in self._replaced if name in plan.text_columns]
        if used:
            raise TableError(
                f"{self.path}: the column {used[0]!r} is an answer of an earlier run and would be"
                " replaced. Name another output"
            )
        if self._replaced:
            names = ", ".join(map(repr, self._replaced))
            message = f"{self.path}: the columns {names} of an earlier run are replaced"
            warn_of_table(message)
        with ExitStack() as stack:
            self._plan_copy(self._input(stack), self._replaced or ANSWER_COLUMNS)
        for name in self._replaced:
            plan = replace(plan, schema=plan.schema.remove(plan.schema.get_field_index(name)))
        return plan

    def close(self, parts: Sequence[Key], schema: pa.Schema, fingerprint: str) -> None:
        """Write the copy; if there cannot be one, say so and write a workbook of one sheet."""
        plan = make_plan([self.source], self.options.table)
        names = schema.names[len(plan.schema) - len(self._replaced) :]
        try:
            self._write_copy(plan, parts, names)
        except TableError as error:
            if self.options.in_place:
                raise
            _warn_plain(self.path, error)
            super().close(parts, schema, fingerprint)

    def open(self, path: str, columns: Sequence[str]) -> Table:
        """Open the same sheet as in the input."""
        options = replace(self.options.table, format=Format.EXCEL)
        with collect_table_warnings():  # said of the input already
            return options.open(path)

    def _write_copy(self, plan: Plan, parts: Sequence[Key], names: Sequence[str]) -> None:
        with ExitStack() as stack:
            stream = self._input(stack)
            copy = self._plan_copy(stream, names)
            output = open_output(self.path, seekable=True)
            stack.callback(output.discard)
            copy.write(stream, output.stream, self._rows(plan, parts, names))
            if not self.source.is_unchanged():
                raise TableError(
                    f"{self.source.path}: changed while the job ran. Run the same command again"
                )
            if self.options.in_place:
                output.stream.flush()
                if filecmp.cmp(output.stream.name, self.path, shallow=False):
                    return
                self.backup = keep_copy(Path(self.path))
            output.commit()

    def _plan_copy(self, stream: BinaryIO, names: Sequence[str]) -> WorkbookCopy:
        extension = PurePath(self.path).suffix
        path, options = self.source.path, self.options.table
        return plan_copy(stream, path, options, names, self._replaced, extension=extension)

    def _input(self, stack: ExitStack) -> BinaryIO:
        return seekable(open_bytes(self.source.path, stack), self.source.path, stack)

    def _rows(
        self, plan: Plan, parts: Sequence[Key], names: Sequence[str]
    ) -> Iterator[tuple[int, Sequence[Cell]]]:
        """Yield the row and the answer of each text: the parts do not hold the rows."""
        wanted = set(parts)
        for event in read_shards(plan, self.options.shard_rows):
            if isinstance(event, FileEnd):
                if event.error:
                    raise TableError(event.error)
                continue
            if event.key in wanted:
                lines = iter(event.lines)
                for batch in read_arrow(Path(self.part(event.key))):
                    fields = [batch.schema.field(name) for name in names]
                    columns = [sheet_cells(batch.column(f.name), f) for f in fields]
                    yield from zip(lines, zip(*columns, strict=True), strict=False)


class CopyWriter:
    """Copies a workbook whose rows are answered as a stream; a context manager, as a `Writer` is.

    The answers are held until the end, and the rows are not.
    """

    def __init__(self, copy: WorkbookCopy, output: str) -> None:
        self._copy, self._output = copy, output
        self._rows: list[tuple[int, Sequence[Cell]]] = []

    def write(self, data: pa.RecordBatch, lines: Sequence[int]) -> None:
        """Take the answers of rows."""
        fields = [data.schema.field(name) for name in self._copy.columns.names]
        columns = [sheet_cells(data.column(field.name), field) for field in fields]
        self._rows += zip(lines, zip(*columns, strict=True), strict=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        with ExitStack() as stack:
            output = open_output(self._output, seekable=True)
            stack.callback(output.discard)
            source = self._copy.source
            stream = seekable(open_bytes(source, stack), source, stack)
            self._copy.write(stream, output.stream, self._rows)
            output.commit()


def open_stream_copy(
    source: str, output: str, options: JobOptions, names: Sequence[str]
) -> CopyWriter | None:
    """Return what copies a workbook that is a file; None: the output is no such copy."""
    is_file = is_url(source) or Path(source).is_file()
    is_whole = options.limit is None and options.sample == 1.0
    if not is_file or not is_whole:
        return None
    is_excel = format_of(source, options.input_format, stdio=Format.TEXT) is Format.EXCEL
    if not is_excel or output_format(output, options.output_format) is not Format.EXCEL:
        return None
    try:
        extension = PurePath(output).suffix or ".xlsx"
        with ExitStack() as stack:
            stream = seekable(open_bytes(source, stack), source, stack)
            copy = plan_copy(stream, source, options.table, names, extension=extension)
    except TableError as error:
        _warn_plain(output, error)
        return None
    return CopyWriter(copy, output)


def _warn_plain(output: str, reason: TableError) -> None:
    warn_of_table(
        f"{output}: is a plain workbook without the formats and other sheets of the input, because"
        f" {reason}"
    )


def open_job_output(path: str, options: JobOptions, sources: Sequence[Source] = ()) -> Output:
    """Return the output of a name: a folder if it is one, ends in a slash or has no extension.

    Raises:
        TableError: no name, or a URL without a folder for the run log.
    """
    if not path:
        raise TableError('the name of the output is empty. Give a file, a folder, or "-"')
    if is_url(path) and options.run is None:
        raise TableError(
            f"{path} is a URL, and the run log is kept on this machine. Name its folder with --run"
        )
    target = Path(path)
    is_new_folder = not target.suffix and options.output_format is None and not target.exists()
    beside, inside = run_folders(path)
    if target.is_dir() or path.endswith(("/", os.sep)) or is_new_folder:
        return FolderOutput(path, options, Path(options.run or inside), sources)
    run = Path(options.run or beside)
    if _is_workbook_copy(path, options, sources):
        return WorkbookOutput(path, options, run, sources[0])
    return FileOutput(path, options, run)


def _is_workbook_copy(path: str, options: JobOptions, sources: Sequence[Source]) -> bool:
    """Tell whether the output is a copy of the input.

    Raises:
        TableError: the input is to be edited in place, and cannot be.
    """
    is_one = len(sources) == 1 and sources[0].format is Format.EXCEL
    is_whole = options.limit is None and options.sample == 1.0
    if options.in_place and not (is_one and is_whole and sources[0].path == path):
        raise TableError(
            f"{path}: only one whole workbook (.xlsx) on this machine can be edited in place, and"
            " without a limit or a sample. Name an output"
        )
    if options.in_place and is_url(path):
        raise TableError(f"{path}: is a URL and cannot be edited in place. Name an output")
    has_workbook = any(source.format is Format.EXCEL for source in sources)
    if not has_workbook or output_format(path, options.output_format) is not Format.EXCEL:
        return False
    if is_one and is_whole:
        return True
    reason = "only a part of the rows is read" if is_one else f"it joins {len(sources)} inputs"
    warn_of_table(f"{path}: is a plain workbook, because {reason}")
    return False


def earlier_answers(columns: Sequence[str], metadata: Sequence[str]) -> list[str]:
    """Return the columns that a run before has added: label, score, margin, one beside the other.

    A suffix that a run gives to a name that is taken counts as well.
    """
    for start in range(len(columns) - len(ANSWER_COLUMNS) + 1):
        end = start + len(ANSWER_COLUMNS)
        if are_answers(columns[start:end]):
            for name in ("probability", *metadata):
                if end < len(columns) and is_named(columns[end], name):
                    end += 1
            return list(columns[start:end])
    return []
