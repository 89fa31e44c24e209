"""Predictions in spaCy documents: as plain data, so that a Doc with them can be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span

from textshot.errors import InvalidTextsError
from textshot.types import Key, KeyKind, Match, Prediction


@dataclass(frozen=True, slots=True)
class Stored:
    """The extension `doc._.<name>` and `span._.<name>`: the Prediction, or None."""

    name: str

    @classmethod
    def offer(cls, name: str) -> None:
        """Make the extension known to spaCy.

        Raises:
            InvalidTextsError: something else has the name.
        """
        for kind in (Doc, Span):
            if kind.has_extension(name):
                if kind.get_extension(name)[2] != cls(name):
                    raise InvalidTextsError(
                        f"there is another extension {kind.__name__}._.{name}: add the component"
                        ' under another name: nlp.add_pipe("textshot", name="topic", ...)'
                    )
            else:
                kind.set_extension(name, getter=cls(name))

    def __call__(self, part: Doc | Span) -> Prediction | None:
        """Return what was stored of a document or a span."""
        plain = part.doc.user_data.get(_key(part, self.name))
        return None if plain is None else _prediction(plain)


def keep(part: Doc | Span, name: str, plain: tuple[Any, ...]) -> None:
    """Store what `stored` made of a prediction, of a document or a span, for a component."""
    part.doc.user_data[_key(part, name)] = plain


def _key(part: Doc | Span, name: str) -> Any:
    """Return spaCy's own key of an extension's value: Span.as_doc and Doc.from_docs carry it."""
    if isinstance(part, Doc):
        return ("._.", name, None, None)
    return ("._.", name, part.start_char, part.end_char)


def stored(prediction: Prediction) -> tuple[Any, ...]:
    """Return a prediction as numbers and texts, which documents may share."""
    # The garbage collector lets go of tuples with nothing but numbers and texts in them: with
    # dictionaries it went through the whole process more often, see docs/adr/0023.
    matches = (
        (m.label, m.score, m.key.kind.value, m.key.text, m.key.source, m.key.correction_order)
        for m in prediction.matches
    )
    return (
        prediction.label,
        prediction.score,
        prediction.probability,
        prediction.margin,
        prediction.threshold,
        tuple(matches),
    )


def _prediction(plain: Sequence[Any]) -> Prediction:
    """Return what `stored` was given; of a Doc that was written the tuples have become lists."""
    label, score, probability, margin, threshold, matches = plain
    return Prediction(
        label=label,
        labels=() if label is None else (label,),
        score=score,
        probability=probability,
        margin=margin,
        threshold=threshold,
        matches=tuple(
            Match(name, value, Key(KeyKind(kind), *rest)) for name, value, kind, *rest in matches
        ),
    )
