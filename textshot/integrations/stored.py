"""Predictions in spaCy documents: as plain data, so that a Doc with them can be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc, Span

from textshot.client.wire import prediction_of
from textshot.errors import InvalidTextsError
from textshot.records import Key, Prediction


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
        shown = part.doc.user_data.get(_key(part, self.name))
        return None if shown is None else prediction_of(shown)


def keep(part: Doc | Span, name: str, prediction: Prediction) -> None:
    """Store a prediction of a document or a span under a component's name."""
    part.doc.user_data[_key(part, name)] = _plain(prediction)


def _key(part: Doc | Span, name: str) -> Any:
    """Return spaCy's own key of an extension's value: Span.as_doc and Doc.from_docs carry it."""
    if isinstance(part, Doc):
        return ("._.", name, None, None)
    return ("._.", name, part.start_char, part.end_char)


def _plain(prediction: Prediction) -> dict[str, Any]:
    # By hand: dataclasses.asdict copies every field of it, and took a tenth of the whole time.
    return {
        "label": prediction.label,
        "score": prediction.score,
        "probability": prediction.probability,
        "margin": prediction.margin,
        "threshold": prediction.threshold,
        "matches": [
            {"label": match.label, "score": match.score, "key": _plain_key(match.key)}
            for match in prediction.matches
        ],
    }


def _plain_key(key: Key) -> dict[str, Any]:
    return {
        "kind": key.kind.value,
        "text": key.text,
        "source": key.source,
        "written": key.written,
    }
