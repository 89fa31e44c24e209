"""Store predictions in spaCy documents as plain data, so that a Doc can be serialised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span

from textshot.errors import InvalidTextsError
from textshot.types import Key, KeyKind, Match, Prediction


@dataclass(frozen=True, slots=True)
class PredictionExtension:
    """The extension `doc._.<name>` and `span._.<name>`: the Prediction, or None."""

    name: str

    @classmethod
    def register(cls, name: str) -> None:
        """Register the extension with spaCy.

        Raises:
            InvalidTextsError: Something else has the name.
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
        """Return the prediction of a document or a span."""
        values = part.doc.user_data.get(_key(part, self.name))
        return None if values is None else _from_tuple(values)


def store(part: Doc | Span, name: str, values: tuple[Any, ...]) -> None:
    """Store what `to_tuple` returned, for a document or a span and a component."""
    part.doc.user_data[_key(part, name)] = values


def to_tuple(prediction: Prediction) -> tuple[Any, ...]:
    """Return a prediction as numbers and texts, which documents can share."""
    # The garbage collector stops tracking tuples of numbers and texts; it would track
    # dictionaries, and search the whole process more often, see docs/adr/0023.
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


def _from_tuple(values: Sequence[Any]) -> Prediction:
    """Undo `to_tuple`; a Doc that was serialised holds lists."""
    label, score, probability, margin, threshold, matches = values
    return Prediction(
        label=label,
        labels=() if label is None else (label,),
        score=score,
        probability=probability,
        margin=margin,
        threshold=threshold,
        matches=tuple(
            Match(name, score, Key(KeyKind(kind), *rest)) for name, score, kind, *rest in matches
        ),
    )


def _key(part: Doc | Span, name: str) -> Any:
    """Return spaCy's key of an extension's value: Span.as_doc and Doc.from_docs copy it."""
    if isinstance(part, Doc):
        return ("._.", name, None, None)
    return ("._.", name, part.start_char, part.end_char)
