"""Findings: what looks wrong with categories, and what of it their keys alone tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress

import numpy as np

from textshot.encoders import Encoder, TruncationStats
from textshot.engine.category_geometry import MIN_CATEGORIES, CategoryGeometry, best_other
from textshot.index import State
from textshot.types import Key, KeyKind


class FindingKind(StrEnum):
    """What can be wrong with a category, the most important first."""

    CONFLICT = "conflict"
    ASTRAY = "astray"
    NAME = "name"
    OVERLAP = "overlap"
    WIDE = "wide"
    LONG = "long"
    UNREADABLE = "unreadable"
    LANGUAGE = "language"
    UNKNOWN = "unknown"
    LARGE = "large"
    SMALL = "small"
    CLOSE = "close"
    FAINT = "faint"


TITLES = {
    FindingKind.CONFLICT: "The same text in two categories",
    FindingKind.ASTRAY: "An example is nearer to another category",
    FindingKind.NAME: "The name says nothing about the examples",
    FindingKind.OVERLAP: "Two categories are near each other",
    FindingKind.WIDE: "The examples have little in common",
    FindingKind.LONG: "Longer than the encoder reads",
    FindingKind.UNREADABLE: "Says nothing to the encoder",
    FindingKind.LANGUAGE: "Not what the encoder was made for",
    FindingKind.UNKNOWN: "Most texts are unknown",
    FindingKind.LARGE: "Far more than its share",
    FindingKind.SMALL: "No texts, or hardly any",
    FindingKind.CLOSE: "Mostly close calls",
    FindingKind.FAINT: "Barely above the threshold",
}

REMEDIES = {
    FindingKind.CONFLICT: "Leave the text in one of the two, in your table of categories, and make"
    " the index again.",
    FindingKind.ASTRAY: "Take an example that says what the category is about in its own words, or"
    " add a second one: textshot labels add INDEX LABEL TEXT. A sentence on what belongs there"
    " helps too: the column description of your table of categories.",
    FindingKind.NAME: "Call it what people would say, textshot labels rename INDEX OLD NEW, or"
    " describe it in the column description of your table of categories, and make the index again."
    " Names that are codes are best left out: textshot index --no-names.",
    FindingKind.OVERLAP: "Give each an example of what sets it apart, textshot labels add INDEX"
    " LABEL TEXT, or make one of the two: textshot labels merge INDEX LABEL --into LABEL.",
    FindingKind.WIDE: "Make several categories of it, or add an example of each thing that belongs"
    " there: textshot labels add INDEX LABEL TEXT.",
    FindingKind.LONG: "Take the part that decides as the example. textshot index --long-texts"
    " windows reads more of a text, --max-length as much as the encoder was made for.",
    FindingKind.UNREADABLE: "Such a text is unknown in any case. Leave it out, or say it in words"
    " that the encoder knows. For another language try a multilingual encoder: textshot index"
    " --encoder NAME.",
    FindingKind.LANGUAGE: "Try an encoder of that language, or a multilingual one: textshot index"
    " --encoder NAME.",
    FindingKind.UNKNOWN: "Read some of them. Add those that belong to a category as its"
    " examples: textshot correct INDEX TEXT LABEL. If many belong to none, add a category. With"
    " labelled texts, textshot tune INDEX LABELLED sets the threshold.",
    FindingKind.LARGE: "Read some of its texts. Its example may be too general: replace it by a"
    " narrower one, or add categories for the texts that do not belong there.",
    FindingKind.SMALL: "Your texts may use other words: add one of them as an example, textshot"
    " labels add INDEX LABEL TEXT. If no such texts come, remove the category.",
    FindingKind.CLOSE: "Give both categories an example of what sets them apart, textshot labels"
    " add INDEX LABEL TEXT, or merge them: textshot labels merge INDEX LABEL --into LABEL.",
    FindingKind.FAINT: "Its example is far from the texts it gets. Read some of them, and add"
    " one that fits: textshot correct INDEX TEXT LABEL.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a category that will cost accuracy.

    Attributes:
        kind: in which way.
        label: the category, or "unknown"; None: all categories.
        reason: why, in figures.
        other: the category that it gets mixed up with, if there is one.
        text: the example or description that it is about, if it is one and not private.
    """

    kind: FindingKind
    label: str | None
    reason: str
    other: str | None = None
    text: str | None = None

    @property
    def title(self) -> str:
        """The kind, for people."""
        return TITLES[self.kind]

    @property
    def remedy(self) -> str:
        """What to do."""
        return REMEDIES[self.kind]


ASTRAY_SHARE = 0.3
"""How much nearer to another category an example is, as a share of `CategoryGeometry.scale`."""

UNINFORMATIVE_SHARE = 0.2
"""A name this little nearer to its own examples than to those of others says nothing of them."""

WIDE_SHARE = 0.3
"""Examples with this share of what those of a usual category have in common have too little."""

OVERLAP_SHARE = 0.75
"""Two categories this far on the way from a usual cosine of two categories to 1 get mixed up."""


def check_index(state: State, encoder: Encoder) -> list[Finding]:
    """Return the findings in the keys of the categories, and in their texts."""
    texts = check_texts(state, encoder.truncation_stats)
    return [*check_categories(state), *_unreadable(state, encoder), *texts]


def check_categories(state: State) -> list[Finding]:
    """Return the findings in the keys of the categories; nothing is encoded.

    The worst of a kind comes first. What counts as near depends on the encoder, so all is measured
    by how much nearer examples usually are to their own name than to others, the `scale`.
    """
    findings = list(_conflicts(state))
    if len(state.entries) < 2:
        return findings
    geometry = CategoryGeometry.of(state)
    if state.name_weight is not None and state.name_weight.uninformative:
        reason = 'names tell nothing about the examples, as "c17" would'
        findings.append(Finding(FindingKind.NAME, None, reason))
    else:
        findings += _names(geometry)
    findings += [*_astray(state, geometry), *_overlaps(state), *_wide(geometry)]
    order = list(FindingKind)
    return sorted(findings, key=lambda finding: order.index(finding.kind))


def _conflicts(state: State) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for entry in state.entries:
        for example in entry.category.examples:
            if example.text is None:
                continue
            normalized = " ".join(example.text.casefold().split())
            first = seen.setdefault(normalized, entry.category.name)
            if first != entry.category.name:
                reason = f"“{first}” has the same example"
                label = entry.category.name
                yield Finding(FindingKind.CONFLICT, label, reason, first, example.text)


def _astray(state: State, geometry: CategoryGeometry) -> Iterator[Finding]:
    gaps, others = geometry.gaps()
    for row in np.argsort(-gaps, kind="stable"):
        if gaps[row] > ASTRAY_SHARE * geometry.scale:
            label, other = geometry.labels[row], geometry.labels[others[row]]
            key, own, theirs = _worst(state, int(row), int(others[row]))
            reason = (
                f"its example has a cosine of {theirs:.2f} with “{other}” and"
                f" {own:.2f} with what else stands for “{label}”"
            )
            yield Finding(FindingKind.ASTRAY, label, reason, other, key.text)


def _worst(state: State, row: int, other: int) -> tuple[Key, float, float]:
    """Return the example of a category that is nearest to another one, and its two cosines."""
    entry, against = state.entries[row], state.entries[other].prototype
    rows = [i for i, key in enumerate(entry.keys) if key.kind is KeyKind.EXAMPLE]
    vectors = entry.vectors.astype(np.float64)
    own = np.array([_cosine(vectors[i], np.delete(vectors, i, 0).sum(axis=0)) for i in rows])
    theirs = vectors[rows] @ against
    worst = int((theirs - own).argmax())
    return entry.keys[rows[worst]], float(own[worst]), float(theirs[worst])


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _names(geometry: CategoryGeometry) -> Iterator[Finding]:
    ahead = geometry.names_ahead()
    for row in np.argsort(ahead, kind="stable"):
        if ahead[row] < UNINFORMATIVE_SHARE * geometry.scale:
            reason = (
                f"what it is called is {ahead[row]:+.2f} nearer to its own examples than to others'"
                f" (usual: {geometry.scale:+.2f})"
            )
            yield Finding(FindingKind.NAME, geometry.labels[row], reason)


def _overlaps(state: State) -> Iterator[Finding]:
    vectors = np.stack([entry.prototype for entry in state.entries])
    n, total = len(vectors), vectors.sum(axis=0, dtype=np.float64)
    # Of two or three categories one cannot tell what is usual among them.
    usual = float((total @ total - n) / (n * (n - 1))) if n >= MIN_CATEGORIES else 0.0
    best, others = best_other(vectors, np.arange(n), vectors)
    for row in np.argsort(-best, kind="stable"):
        # A pair is reported once, under the first of its names.
        reported = others[others[row]] == row and others[row] < row
        if best[row] >= usual + OVERLAP_SHARE * (1 - usual) and not reported:
            label, other = state.labels[row], state.labels[others[row]]
            reason = f"its vector has a cosine of {best[row]:.2f} with that of “{other}”"
            yield Finding(FindingKind.OVERLAP, label, f"{reason} (usual: {usual:.2f})", other)


def _wide(geometry: CategoryGeometry) -> Iterator[Finding]:
    within, between, usual = geometry.within()
    for row in np.argsort(within, kind="stable"):
        if within[row] < between + WIDE_SHARE * (usual - between):
            reason = (
                f"the mean cosine of its examples is {within[row]:.2f}; of a usual category"
                f" {usual:.2f}, of texts from two categories {between:.2f}"
            )
            yield Finding(FindingKind.WIDE, geometry.labels[row], reason)


def check_texts(
    state: State, stats_of: Callable[[Sequence[str]], TruncationStats]
) -> list[Finding]:
    """Return which descriptions and examples the encoder does not read well; private ones pass."""
    keys = [
        (entry.category.name, key.text)
        for entry in state.entries
        for key in entry.keys
        if key.text is not None
    ]
    stats, findings = stats_of([text for _, text in keys]), []
    # One by one only where some are truncated: each costs a call of the tokenizer.
    for label, text in keys if stats.n_truncated else ():
        if stats_of([text]).n_truncated:
            reason = f"longer than the {stats.limit} tokens that are read; the rest is not"
            findings.append(Finding(FindingKind.LONG, label, reason, text=text))
    if stats.high_subword_rate is not None:
        reason = (
            f"{100 * stats.high_subword_rate:.0f} % of the word pieces are parts of words that the"
            " encoder does not know (everyday English: about 5 %)"
        )
        findings.append(Finding(FindingKind.LANGUAGE, None, reason))
    return findings


def _unreadable(state: State, encoder: Encoder) -> Iterator[Finding]:
    """Yield the descriptions and examples that say nothing to the encoder."""
    keys = [
        (entry.category.name, key.text)
        for entry in state.entries
        for key in entry.keys
        if key.kind is not KeyKind.NAME and key.text is not None
    ]
    for label, text in compress(keys, encoder.unreadable([text for _, text in keys])):
        reason = "the encoder knows no word of it"
        yield Finding(FindingKind.UNREADABLE, label, reason, text=text)
