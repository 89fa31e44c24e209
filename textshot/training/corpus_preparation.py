"""Make a corpus from the rows of a table: drop unusable, duplicate and contradictory rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from unicodedata import category, normalize

import numpy as np

from textshot._characters import is_blank
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.training.corpus import Corpus, shorten
from textshot.types import Category, parse_truth

_MAX_SOURCES = 5
_SYMBOLS = "#%&@"  # punctuation to Unicode; but C# is not C
_DIGITS = re.compile("0[0 ]*0|0")


class _Letters(dict[int, str]):
    """For `str.translate`: digits become 0, punctuation and blanks one blank; filled as needed.

    Symbols (currency, mathematics, emoji) and the marks that other scripts are written with stay:
    they carry meaning.
    """

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kind = category(letter)
        blank = kind[0] in "PZC" and letter not in _SYMBOLS
        self[code] = "0" if kind == "Nd" else " " if blank else letter
        return self[code]


_LETTERS = _Letters()


@dataclass(slots=True)
class CorpusReport:
    """Counts of the rows. All but `categories` are rows, and they add up to `rows`.

    `duplicates` have a text of their category again, or nearly: it is kept once. `contradictions`
    have a text that other categories have too, and are dropped from all; `sources` shows some.
    `too_few` are the categories that are left out, with `too_few_texts` texts in all.
    """

    rows: int = 0
    kept: int = 0
    categories: int = 0
    no_text: int = 0
    no_label: int = 0
    duplicates: int = 0
    contradictions: int = 0
    sources: tuple[str, ...] = ()
    too_few: tuple[str, ...] = ()
    too_few_texts: int = 0
    min_texts: int = 2

    def lines(self) -> list[str]:
        """Return the report for people; it names sources and categories, never a text."""
        lines = [f"{self.kept} texts of {self.categories} categories, from {self.rows} rows"]
        lines += [
            f"{n} {what}"
            for n, what in (
                (self.no_text, "rows without a text, left out"),
                (self.no_label, "rows without a label, left out"),
                (self.duplicates, "texts that their category has already, or nearly, left out"),
                (
                    self.contradictions,
                    "texts that several categories have, left out of all of them",
                ),
            )
            if n
        ]
        lines += [f"  {source}" for source in self.sources]
        if self.too_few:
            lines.append(
                f"{len(self.too_few)} categories with fewer than {self.min_texts} texts, left out:"
                f" {shorten(map(repr, self.too_few))}"
            )
        return lines


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    label: str
    source: str


def _group(
    rows: Iterable[tuple[str | None, str | None, str]], report: CorpusReport
) -> Iterable[list[_Row]]:
    """Return the usable rows, grouped by the key of their text, and count the others."""
    labels: dict[str | None, str | None] = {}
    groups: dict[bytes, list[_Row]] = {}
    for text, label, source in rows:
        report.rows += 1
        if not isinstance(text, str | None):
            raise InvalidTextsError(f"{source}: a text is a string, not {type(text).__name__}")
        if label not in labels:
            labels[label] = _parse_label(label, source)
        name = labels[label]
        if text is None or is_blank(text):
            report.no_text += 1
        elif name is None:
            report.no_label += 1
        else:
            groups.setdefault(_digest(dedup_key(text)), []).append(_Row(text, name, source))
    return groups.values()


def _deduplicate(groups: Iterable[list[_Row]], report: CorpusReport) -> Iterator[_Row]:
    """Yield the first row of each group that does not contradict itself, and count the others."""
    for group in groups:
        if any(row.label != group[0].label for row in group):
            _count_contradictions(group, report)
            continue
        report.duplicates += len(group) - 1
        yield group[0]


def _count_contradictions(group: list[_Row], report: CorpusReport) -> None:
    report.contradictions += len(group)
    if len(report.sources) < _MAX_SOURCES:
        first = {row.label: f"{row.source} ({row.label!r})" for row in reversed(group)}
        report.sources += (shorten(first[label] for label in sorted(first)),)


def dedup_key(text: str) -> str:
    """Return a key that near-duplicates share.

    It is the text in lower case, composed, with each number as 0 and punctuation and white space
    as one blank. Where that leaves no letter, punctuation and numbers stay.
    """
    folded = normalize("NFKC", text).casefold()
    words = " ".join(folded.translate(_LETTERS).split())
    if not any(c.isalpha() for c in words):
        return " ".join(folded.split())
    return _DIGITS.sub("0", words)


def _digest(text: str) -> bytes:
    # Long texts are not held twice. A lone surrogate has no UTF-8.
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def prepare_corpus(
    rows: Iterable[tuple[str | None, str | None, str]],
    *,
    descriptions: Mapping[str, str] | None = None,
    min_texts: int = 2,
) -> tuple[Corpus, CorpusReport]:
    """Group labelled texts by category; the time is linear in the data.

    A text that occurs twice in a category is kept once. A text that occurs in two categories is
    dropped from both. Texts that differ only in case, the encoding of accents, punctuation, white
    space and numbers count as the same.

    Args:
        rows: text, label and source ("history.csv:12", for the report) of each; rows without a
            text, or whose label is empty or "unknown", are skipped and counted.
        descriptions: of categories, by name.
        min_texts: categories with fewer usable texts are left out and named.

    Raises:
        InvalidTextsError: a text or label that is no string, or no category has enough texts.
    """
    report = CorpusReport(min_texts=min_texts)
    unique = list(_deduplicate(_group(rows, report), report))
    counts = Counter(row.label for row in unique)
    report.too_few = tuple(sorted(name for name, n in counts.items() if n < min_texts))
    names = tuple(sorted(counts.keys() - set(report.too_few)))
    numbers = {name: i for i, name in enumerate(names)}
    kept = [row for row in unique if row.label in numbers]
    report.kept, report.categories = len(kept), len(names)
    report.too_few_texts = len(unique) - len(kept)
    if not names:
        raise InvalidTextsError(_nothing_left(report))
    corpus = Corpus(
        texts=tuple(row.text for row in kept),
        labels=np.array([numbers[row.label] for row in kept], np.int64),
        names=names,
        descriptions=tuple((descriptions or {}).get(name, "") for name in names),
    )
    return corpus, report


def _nothing_left(report: CorpusReport) -> str:
    if not report.too_few:
        return "no labelled text to learn from: " + "; ".join(report.lines())
    return (
        f"no category has {report.min_texts} different texts ({len(report.too_few)} categories,"
        f" {report.too_few_texts} texts). An episode needs two texts of a category: one as its"
        " example (the support), one to be recognised (the query). Give a file of other or older"
        " categories with two or more texts of each; one example of each category is what"
        " `textshot index` takes, which needs no training"
    )


def _parse_label(label: str | None, source: str) -> str | None:
    try:
        name = parse_truth(label)
        return None if name is None else Category(name).name
    except (InvalidCategoriesError, InvalidTextsError) as error:
        raise InvalidTextsError(f"{source}: {error}") from None
