"""Store predictions in spaCy documents as plain data, so that a Doc can be serialised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span

from textshot.errors import InvalidTextsError
from textshot.types import Key, KeyKind, Match, Prediction

_WHOLE = "doc"
"""The end of the values of a document, which may have the bounds of its only sentence."""


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
                extension = cls(name)
                kind.set_extension(name, getter=extension, setter=extension.set)

    def __call__(self, part: Doc | Span) -> Prediction | None:
        """Return the prediction of a document or a span."""
        data = part.doc.user_data
        if isinstance(part, Span):
            values = data.get(_key(self.name, part.start_char, part.end_char))
        else:
            values = data.get(_key(self.name))
            if values is None and len(part):
                values = data.get(_whole_key(part, self.name))
                # Or it is the answer for the only sentence.
                values = values if values is not None and values[-1] == _WHOLE else None
        return None if values is None else _from_tuple(values)

    def set(self, part: Doc | Span, value: Any) -> None:
        """Store a prediction, also one that comes out of JSON, as `Doc.from_json` does."""
        if isinstance(value, Mapping):
            value = _from_mapping(value)
        values = to_tuple(value) if isinstance(value, Prediction) else value
        at = (part.start_char, part.end_char) if isinstance(part, Span) else ()
        part.doc.user_data[_key(self.name, *at)] = values


def store(part: Doc | Span, name: str, values: tuple[Any, ...]) -> None:
    """Store what `to_tuple` returned, for a document or a span and a component.

    That of a document is stored as the one of its only span, which `Doc.from_docs` keeps.
    """
    if isinstance(part, Span):
        key = _key(name, part.start_char, part.end_char)
    elif len(part):
        key, values = _whole_key(part, name), (*values, _WHOLE)
    else:
        key = _key(name)
    part.doc.user_data[key] = values


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
        prediction.unknown_because,
    )


def _from_tuple(values: Sequence[Any]) -> Prediction:
    """Undo `to_tuple`; a Doc that was serialised holds lists."""
    label, score, probability, margin, threshold, matches, reason = values[:7]
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
        unknown_because=reason,
    )


def _from_mapping(data: Mapping[str, Any]) -> Prediction:
    """Undo `Prediction.to_dict`."""
    names = ("label", "score", "probability", "margin", "threshold")
    fields = ("kind", "text", "source", "written")
    matches = [
        (m["label"], m["score"], *(m["key"][field] for field in fields)) for m in data["matches"]
    ]
    return _from_tuple([*(data[name] for name in names), matches, data["unknown_because"]])


def _key(name: str, start: int | None = None, end: int | None = None) -> Any:
    """Return spaCy's key of an extension's value: Span.as_doc and Doc.from_docs copy it."""
    return ("._.", name, start, end)


def _whole_key(doc: Doc, name: str) -> Any:
    return _key(name, 0, doc[-1].idx + len(doc[-1]))
