# ruff: noqa: D301  (click wants a real \b, which keeps the lines of a paragraph)
"""textshot explain."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from textshot.cli import options
from textshot.cli.classify import read_texts
from textshot.cli.output import counted, note, note_truncation, print_json
from textshot.types import UNKNOWN

if TYPE_CHECKING:
    from textshot.engine.explain import Explanation, Word
    from textshot.types import Match, Threshold

_BAR = 20  # signs of the longest one


@click.command()
@options.index_argument
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "-n",
    "--words",
    "n_words",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Words shown, those that matter most; in JSON all of them are.",
)
@click.option(
    "-k", type=click.IntRange(min=2), default=3, show_default=True, help="Categories shown."
)
@options.threshold_options
@options.encoder_option
@options.device_option
@options.cache_option
@options.json_option
def explain(
    index_path: str,
    texts: tuple[str, ...],
    n_words: int,
    k: int,
    threshold: Threshold,
    encoder: str | None,
    device: options.Where,
    cache: bool,
    as_json: bool,
) -> None:
    """Say why each text gets its answer.

    Shows the categories that came near and the key of each that is nearest to the text, what the
    threshold asked, and what each word adds to the score of the best category: the text is
    answered again without it. Texts come from the arguments, or from stdin, a text a line.

    \b
    Examples:
      textshot explain my-index "they took the money twice"
      textshot explain my-index --json < mails.txt
    """
    from textshot.encoders import TruncationStats

    if not texts and sys.stdin.isatty():
        raise click.UsageError("no text given. Give texts as arguments, or pipe them in")
    engine = options.load_engine(index_path, encoder, device, cache=cache)
    source = iter(texts) if texts else read_texts("-", [], None, None)
    stats = TruncationStats()
    for i, text in enumerate(source):
        stats += engine.truncation_stats([text])
        found = engine.explain(text, k, threshold=threshold)
        if found.n_left:
            note(f"text {i}: {counted(found.n_left, 'different word')} at its end not left out")
        if as_json:
            print_json({"text": text, **asdict(found), "prediction": found.prediction.to_dict()})
        else:
            click.echo(("\n" if i else "") + "\n".join(_lines(text, found, n_words)))
    note_truncation(stats)


def _lines(text: str, found: Explanation, n_words: int) -> list[str]:
    label = found.prediction.label or UNKNOWN
    lines = [text, f"  {click.style(label, bold=True)}: {found.reason}"]
    if found.prediction.matches:
        lines += ["", f"  margin {found.prediction.margin:.3f}"]
        lines += [f"  {_match(match)}" for match in found.prediction.matches]
    shown = found.words[:n_words]
    if shown:
        lines += ["", f"  what words do to the score of {found.prediction.matches[0].label}"]
        lines += _bars(shown)
    return lines


def _match(match: Match) -> str:
    key = match.key
    said = "(private)" if key.text is None else f'"{key.text}"'
    return f"{match.score:.3f}  {match.label}, by its {key.kind} {said}"


def _bars(words: tuple[Word, ...]) -> list[str]:
    longest = max(abs(word.score) for word in words) or 1.0
    width = max(len(_spoken(word)) for word in words)
    return [
        f"  {word.score:+.3f}  {_spoken(word):<{width}}"
        f"  {('+' if word.score > 0 else '-') * round(_BAR * abs(word.score) / longest)}".rstrip()
        for word in words
    ]


def _spoken(word: Word) -> str:
    return word.text if word.count == 1 else f"{word.text} ({word.count} times)"
