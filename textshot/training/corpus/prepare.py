"""From rows of a table to a corpus: what is no use, or says two things at once, is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.training.corpus.corpus import Corpus, shown
from textshot.training.corpus.dedup import digest, essence
from textshot.types import Category, parse_truth

_SHOWN_PLACES = 5


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What became of the rows. All counts but `categories` are rows, and they add up to `rows`.

    `duplicates` and `near_duplicates` repeat a text of their own category, which was kept once;
    `contradictions` and `near_contradictions` have a text that other categories have too, and
    were dropped from all. `places` are some of these, side by side. `too_few` are the categories
    that were left out, with `too_few_texts` texts in all.
    """

    rows: int
    kept: int
    categories: int
    no_text: int
    no_label: int
    duplicates: int
    near_duplicates: int
    contradictions: int
    near_contradictions: int
    places: tuple[str, ...]
    too_few: tuple[str, ...]
    too_few_texts: int
    min_texts: int

    def lines(self) -> list[str]:
        """Return the report for people; it names places and categories, never a text."""
        found = [f"{self.kept} texts of {self.categories} categories, from {self.rows} rows"]
        twice = self.contradictions + self.near_contradictions
        found += [
            f"{n} {what}"
            for n, what in (
                (self.no_text, "rows without a text, left out"),
                (self.no_label, "rows without a label, left out"),
                (self.duplicates, "texts that their category has already, left out"),
                (self.near_duplicates, "nearly the same as another of the category, left out"),
                (twice, "texts that several categories have, left out of all of them"),
            )
            if n
        ]
        found += [f"  {place}" for place in self.places]
        if self.too_few:
            found.append(
                f"{len(self.too_few)} categories with fewer than {self.min_texts} texts, left out:"
                f" {shown(map(repr, self.too_few))}"
            )
        return found


@dataclass(frozen=True, slots=True)
class _Row:
    text: str
    label: str
    place: str


class _Tally:
    """Rows in groups that say the same, and what was skipped on the way."""

    def __init__(self) -> None:
        self.rows = self.no_text = self.no_label = 0
        self.duplicates = self.near_duplicates = 0
        self.contradictions = self.near_contradictions = 0
        self.places: list[str] = []
        self.groups: dict[bytes, list[_Row]] = {}

    def read(self, rows: Iterable[tuple[str | None, str | None, str]], near: bool) -> None:
        labels: dict[str | None, str | None] = {}
        for text, label, place in rows:
            self.rows += 1
            if not isinstance(text, str | None):
                raise InvalidTextsError(f"{place}: a text is a string, not {type(text).__name__}")
            if label not in labels:
                labels[label] = _name(label, place)
            name = labels[label]
            if text is None or not text.strip():
                self.no_text += 1
            elif name is None:
                self.no_label += 1
            else:
                same = essence(text) if near else text.strip()
                self.groups.setdefault(digest(same), []).append(_Row(text, name, place))

    def kept(self) -> Iterable[_Row]:
        """Yield the first row of each group that does not contradict itself."""
        for group in self.groups.values():
            if any(row.label != group[0].label for row in group):
                self._contradicts(group)
                continue
            repeats = len(group) - len({row.text.strip() for row in group})
            self.duplicates += repeats
            self.near_duplicates += len(group) - 1 - repeats
            yield group[0]

    def _contradicts(self, group: list[_Row]) -> None:
        labels: dict[str, set[str]] = {}
        for row in group:
            labels.setdefault(row.text.strip(), set()).add(row.label)
        exact = sum(len(labels[row.text.strip()]) > 1 for row in group)
        self.contradictions += exact
        self.near_contradictions += len(group) - exact
        if len(self.places) < _SHOWN_PLACES:
            first = {row.label: f"{row.place} ({row.label!r})" for row in reversed(group)}
            self.places.append(shown(first[label] for label in sorted(first)))

    def report(
        self, once: int, kept: int, categories: int, too_few: tuple[str, ...], min_texts: int
    ) -> CorpusReport:
        return CorpusReport(
            rows=self.rows,
            kept=kept,
            categories=categories,
            no_text=self.no_text,
            no_label=self.no_label,
            duplicates=self.duplicates,
            near_duplicates=self.near_duplicates,
            contradictions=self.contradictions,
            near_contradictions=self.near_contradictions,
            places=tuple(self.places),
            too_few=too_few,
            too_few_texts=once - kept,
            min_texts=min_texts,
        )


def make_corpus(
    rows: Iterable[tuple[str | None, str | None, str]],
    *,
    descriptions: Mapping[str, str] | None = None,
    min_texts: int = 2,
    near: bool = True,
) -> tuple[Corpus, CorpusReport]:
    """Organise labelled texts by category; the time is linear in the data.

    A text that a category has twice is kept once. A text that two categories have says nothing
    certain about either and is dropped from both. With `near` texts count as the same, in both
    cases, that differ only in capitals, accents' encoding, punctuation, blanks and numbers.

    Args:
        rows: text, label and place ("history.csv:12", for the report) of each; rows without a
            text, or whose label is empty or "unknown", are skipped and counted.
        descriptions: of categories, by name.
        min_texts: categories with fewer usable texts are left out and named.
        near: whether to look for near-duplicates too.

    Raises:
        InvalidTextsError: a text or label that is no string, or no category has enough texts.
    """
    tally = _Tally()
    tally.read(rows, near)
    by_name: dict[str, list[_Row]] = {}
    kept = list(tally.kept())
    for row in kept:
        by_name.setdefault(row.label, []).append(row)
    too_few = tuple(sorted(name for name, found in by_name.items() if len(found) < min_texts))
    names = tuple(sorted(by_name.keys() - set(too_few)))
    places = {name: i for i, name in enumerate(names)}
    rest = [row for row in kept if row.label in places]
    report = tally.report(len(kept), len(rest), len(names), too_few, min_texts)
    if not names:
        raise InvalidTextsError(_nothing_left(report))
    corpus = Corpus(
        texts=tuple(row.text for row in rest),
        labels=np.array([places[row.label] for row in rest], np.int64),
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


def _name(label: str | None, place: str) -> str | None:
    try:
        name = parse_truth(label)
        return None if name is None else Category(name).name
    except (InvalidCategoriesError, InvalidTextsError) as error:
        raise InvalidTextsError(f"{place}: {error}") from None
