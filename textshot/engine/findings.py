"""What can be wrong with categories, and what to do about each of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """What can be wrong with a category, the most important first."""

    CONFLICT = "conflict"
    ASTRAY = "astray"
    NAME = "name"
    OVERLAP = "overlap"
    WIDE = "wide"
    LONG = "long"
    LANGUAGE = "language"


TITLES = {
    FindingKind.CONFLICT: "The same text in two categories",
    FindingKind.ASTRAY: "An example is nearer to another category",
    FindingKind.NAME: "The name says nothing about the examples",
    FindingKind.OVERLAP: "Two categories are near each other",
    FindingKind.WIDE: "The examples have little in common",
    FindingKind.LONG: "Longer than the encoder reads",
    FindingKind.LANGUAGE: "Not what the encoder was made for",
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
    FindingKind.LANGUAGE: "Try an encoder of that language, or a multilingual one: textshot index"
    " --encoder NAME.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a category that will cost accuracy.

    Attributes:
        kind: in which way.
        label: the category; None: all of them.
        other: the category that it gets mixed up with, if there is one.
        text: the example or description that it is about, if it is one and not private.
        reason: why, in figures.
    """

    kind: FindingKind
    label: str | None
    other: str | None
    text: str | None
    reason: str

    @property
    def remedy(self) -> str:
        """What to do."""
        return REMEDIES[self.kind]
