"""Why a text got its answer: the keys that decided, and the words that mattered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textshot.encoders import Encoder
from textshot.engine.predict import predict, score
from textshot.engine.unreadable import why_unreadable
from textshot.index import State
from textshot.types import UNREADABLE, Prediction, Threshold

MAX_WORDS = 256
"""So many different words of a text are left out in turn; each costs encoding the text once."""

# A word of most languages; where they are written without blanks between them, one sign.
_CHARACTER = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
_WORD = re.compile(rf"{_CHARACTER}|(?:(?!{_CHARACTER})\w)+(?:['\u2019-](?:(?!{_CHARACTER})\w)+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text, and what its being there does.

    Attributes:
        text: as it stands where it comes first.
        count: how often it comes; all of them are left out together.
        score: what it adds to the score (cosine) of the best category; below 0, what it takes.
        margin: what it adds to the lead over the runner-up; with one category, the same as `score`.
    """

    text: str
    count: int
    score: float
    margin: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text got its answer.

    Attributes:
        prediction: the answer; `matches` has the best category and the runner-up, each with the
            key that is nearest to the text.
        reason: why there is a category, or none.
        words: by how much they add to or take from the score, the largest first. Of a text of one
            word there are none.
        n_left: different words that were not tried, as there are more than `MAX_WORDS`.
    """

    prediction: Prediction
    reason: str
    words: tuple[Word, ...]
    n_left: int


def explain(state: State, encoder: Encoder, text: str, k: int, threshold: Threshold) -> Explanation:
    """Answer a text, and the same text without each of its words, in one batch.

    Leaving one out (Li, Monroe and Jurafsky 2016, arXiv 1612.08220) on whole words. Words that say
    the same thing twice replace each other, so each of them counts for little; and this tells what
    the words do to the score, not why the encoder thinks so.

    Args:
        state: the categories; there may be none.
        encoder: a text that says nothing to it is answered without its words.
        text: one text, clean.
        k: how many matches the prediction has, 2 at least.
        threshold: see `Threshold`.
    """
    blank = encoder.unreadable([text])
    spans = {} if blank[0] else _spans(text)
    tried = list(spans)[:MAX_WORDS] if len(spans) > 1 and state.entries else []
    rows = encoder.encode([text, *(_without(text, spans[word]) for word in tried)])
    [prediction] = predict(state, rows[:1], k, threshold, blank)
    words: list[Word] = []
    if tried:
        best, *others = [state.labels.index(match.label) for match in prediction.matches[:2]]
        scores = score(state, rows).astype(np.float64)
        lead = scores[:, best] - (scores[:, others[0]] if others else 0.0)
        for i, word in enumerate(tried, start=1):
            at = spans[word]
            words.append(
                Word(
                    text[slice(*at[0])],
                    len(at),
                    float(scores[0, best] - scores[i, best]),
                    float(lead[0] - lead[i]),
                )
            )
    words.sort(key=lambda word: -abs(word.score))
    n_left = len(spans) - len(tried) if tried else 0
    return Explanation(prediction, _reason(text, prediction), tuple(words), n_left)


def _spans(text: str) -> dict[str, list[tuple[int, int]]]:
    """Return where each different word is, in the order in which they come."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for match in _WORD.finditer(text):
        spans.setdefault(match[0].casefold(), []).append(match.span())
    return spans


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return the text without some of its parts, and without the blanks that these leave."""
    parts: list[str] = []
    begin = 0
    for start, end in spans:
        part = text[begin:start]
        parts.append(part.rstrip() if text[end : end + 1].isspace() else part)
        begin = end
    return "".join([*parts, text[begin:]]).strip()


def _reason(text: str, prediction: Prediction) -> str:
    """Say in a sentence why this is the answer."""
    score, limit = prediction.score, prediction.threshold
    if not prediction.matches:
        return "the index has no categories"
    if prediction.label is not None:
        if limit is None:
            return "abstaining is off, so the best category is the answer"
        return f"its score {score:.3f} reaches the threshold {limit:.3f}"
    if prediction.unknown_because == UNREADABLE:
        return why_unreadable(text)
    if limit is not None and score < limit:
        return f"the best score {score:.3f} is below the threshold {limit:.3f}"
    return "it is nearer to a text that is known to fit no category"
