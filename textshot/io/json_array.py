"""Split a JSON array, such as a whole .json file, into its elements; none is held but one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from textshot.errors import TableError
from textshot.io import batches

_MARK = re.compile(r'["\[\]{},]')
_STRING_MARK = re.compile(r'["\\]')
_STRING_OR_END = re.compile(r'("(?:[^"\\]|\\.)*")|\s*[\r\n]\s*', re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")


class ArrayElements:
    """Yields the line and the JSON text of each element of one array, in one line.

    Elements are found by brackets and quotes alone, so one that is no JSON costs itself only. Of
    one longer than MAX_ROW_CHARS the first characters are kept, as of a line.

    Args:
        chunks: the text, from the bracket that opens the array on.
        source: the file, for messages.
        line: at which the text begins.
    """

    def __init__(self, chunks: Iterable[str], source: str, line: int) -> None:
        self._chunks = chunks
        self._source = source
        self._line = line  # of the end of what is kept
        self._depth = 0
        self._in_string = self._is_escaped = self._is_closed = False
        self._kept: list[str] = []
        self._n_kept = 0
        self._first_line = line  # of this element

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Yield the elements.

        Raises:
            TableError: the array does not end, or something follows it.
        """
        for chunk in self._chunks:
            begin = 0
            for position, is_end in self._marks(chunk):
                self._keep(chunk[begin:position])
                if is_end:
                    yield from self._element()
                self._is_closed = not self._depth
                begin = position + 1
            self._keep(chunk[begin:])
        if self._depth:
            yield from self._element()
            raise TableError(
                f"{self._source}: the array is not closed at the end, line {self._line}. Check"
                " that the file is complete"
            )

    def _marks(self, chunk: str) -> Iterator[tuple[int, bool]]:
        """Yield where the array opens, and where its elements end."""
        position = 0
        while position < len(chunk):
            if self._is_escaped:
                self._is_escaped, position = False, position + 1
                continue
            match = (_STRING_MARK if self._in_string else _MARK).search(chunk, position)
            if match is None:
                return
            mark, position = match.group(), match.end()
            if mark == "\\":
                self._is_escaped = True
            elif mark == '"':
                self._in_string = not self._in_string
            elif self._moves(mark):
                yield match.start(), mark != "["

    def _moves(self, mark: str) -> bool:
        """Follow a bracket or comma; tell whether the array begins, or an element ends there."""
        if self._is_closed:
            raise self._surplus()
        if mark in "[{":
            self._depth += 1
            return self._depth == 1
        if mark in "]}":
            self._depth -= 1
            return self._depth == 0
        return self._depth == 1

    def _surplus(self) -> TableError:
        return TableError(
            f"{self._source}: something follows the array, in line {self._line}. A file holds one"
            " array, or one object a line"
        )

    def _keep(self, text: str) -> None:
        if self._is_closed and text.strip():
            raise self._surplus()
        if not self._n_kept:
            begin = len(text) - len(text.lstrip())
            self._line += len(_LINE_END.findall(text[:begin]))
            self._first_line, text = self._line, text[begin:]
        self._line += len(_LINE_END.findall(text))
        self._kept.append(text[: batches.MAX_ROW_CHARS + 1 - self._n_kept])
        self._n_kept += len(self._kept[-1])

    def _element(self) -> Iterator[tuple[int, str]]:
        text = "".join(self._kept).strip()
        if _LINE_END.search(text):
            text = _STRING_OR_END.sub(lambda match: match[1] or " ", text)
        self._kept, self._n_kept = [], 0
        if text:
            yield self._first_line, text if text[0] != '"' else f'{{"text": {text}}}'
