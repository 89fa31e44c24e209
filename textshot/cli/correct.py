"""textshot correct."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import eq
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from textshot.cli import options, tables
from textshot.cli.output import counted, note, print_json, print_saved, print_table, warn
from textshot.errors import InvalidCategoriesError
from textshot.types import UNKNOWN, parse_truth

if TYPE_CHECKING:
    from textshot.engine import Engine
    from textshot.io import TableOptions
    from textshot.io.categories import LabelledTexts

_MIN_HELD_OUT = 10
"""With fewer corrections, what the others gain for each of them is chance."""


@click.command()
@options.index_argument
@click.argument("text", required=False)
@click.argument("label", required=False)
@options.file_option("--from", "path", help="Table of texts and labels; - for stdin.")
@options.labelled_table_options
@options.engine_options
@options.json_option
def correct(
    index_path: str,
    text: str | None,
    label: str | None,
    path: str | None,
    table: TableOptions,
    engine_options: options.EngineOptions,
    as_json: bool,
) -> None:
    """Correct answers: texts become examples of their right categories.

    TEXT becomes an example of LABEL, marked as a correction; the label unknown makes it an
    out-of-scope example. A table (--from) has the columns text and label; rows whose label is empty
    or unknown are skipped. In a review that you filled in (`categorize --review`, `suggest -o`),
    the label unknown marks a text as out of scope.

    \b
    Examples:
      textshot correct my-index "they took the money twice" "refund request"
      textshot correct my-index --from review.xlsx
    """
    _check_usage(text, label, path)
    engine = engine_options.load(index_path)
    decision = engine.decision
    skipped = rejected = 0
    pairs = [(text, label)] if text is not None and label is not None else []
    if path is not None:
        pairs, skipped, rejected = _read_corrections(engine, path, table)
    texts, names = [t for t, _ in pairs], [name for _, name in pairs]
    is_new = ~engine.has_learned(texts)
    before = [p.label for p in engine.classify(texts, k=1)]
    after = [p.label for p in engine.correct_all(texts, names)]
    if pairs:
        engine.save(index_path)
    rows = list(zip(texts, before, after, strict=True))
    new = list(compress(zip(texts, names, before, strict=True), is_new))
    gain = _held_out_gain(engine, new) if len(new) >= _MIN_HELD_OUT else None
    if as_json:
        record = {"index": index_path, "generation": engine.info.generation}
        thresholds = {"before": decision.threshold, "after": engine.decision.threshold}
        record |= {"skipped": skipped, "rejected": rejected, "threshold": thresholds}
        print_json({**record, **_json(rows, gain)})
        return
    if skipped:
        note(f"{counted(skipped, 'row')} without a label skipped")
    if not rows:
        click.echo(f"nothing to correct: {index_path} is unchanged")
        return
    _print_corrections(rows, gain)
    print_saved(engine, index_path, engine.info.generation, decision)


class _Gain(NamedTuple):
    """How many of n corrected texts were answered right before, and are by the others alone."""

    n: int
    before: int
    held_out: int


def _held_out_gain(engine: Engine, corrections: Sequence[tuple[str, str, str | None]]) -> _Gain:
    """Compare (text, label, answer before), where each text is answered without itself."""
    truths = [parse_truth(name) for _, name, _ in corrections]
    answers = [p.label for p in engine.classify_held_out([text for text, _, _ in corrections])]
    before = [answer for _, _, answer in corrections]
    return _Gain(len(truths), *(sum(map(eq, labels, truths)) for labels in (before, answers)))


def _json(rows: Sequence[tuple[Any, ...]], gain: _Gain | None) -> dict[str, Any]:
    return {
        "corrected": len(rows),
        "changed": sum(before != after for _, before, after in rows),
        "right": gain and gain._asdict(),
        "answers": [{"text": text, "before": b, "after": a} for text, b, a in rows],
    }


def _print_corrections(rows: Sequence[tuple[Any, ...]], gain: _Gain | None) -> None:
    cells = [(before or UNKNOWN, after or UNKNOWN, text) for text, before, after in rows]
    print_table(("before", "after", "text"), cells)
    changed = counted(sum(before != after for _, before, after in rows), "answer")
    click.echo(f"{counted(len(rows), 'correction')}, {changed} changed")
    if gain is not None:
        click.echo(
            f"right before: {gain.before} of {gain.n}; each answered without its own correction:"
            f" {gain.held_out} of {gain.n}"
        )


def _check_usage(text: str | None, label: str | None, path: str | None) -> None:
    if path is not None and text is not None:
        raise click.UsageError("give a text as an argument or with --from, not both")
    if label is not None and not label.strip():
        raise click.UsageError(f"LABEL is empty; for an out-of-scope text give {UNKNOWN}")
    if path is None and label is None:
        raise click.UsageError("give a TEXT and its LABEL, or a table of them: --from FILE")


def _read_corrections(
    engine: Engine, path: str, table: TableOptions
) -> tuple[list[tuple[str, str]], int, int]:
    """Return texts with labels, and how many rows were skipped and rejected."""
    data = tables.read_labelled_texts(path, table)
    source, n_rejected = "<stdin>" if path == "-" else path, len(data.rejects)
    pairs: list[tuple[str, str]] = []
    texts, names = _corrections(data)
    for text, name, line in zip(texts, names, data.lines, strict=True):
        try:
            if name is not None and name != UNKNOWN:
                name = engine.category(name).name
        except InvalidCategoriesError as error:
            warn(f"{source}:{line}: {error}; skipped")
            n_rejected += 1
        else:
            pairs += [(text, name)] if name else []
    return pairs, names.count(None), n_rejected


def _corrections(data: LabelledTexts) -> tuple[Sequence[str], Sequence[str | None]]:
    """Return texts and labels; only in a review did a person write "unknown"."""
    from textshot.batch.review import is_review

    if not is_review(data.columns):
        return data.texts, data.truths
    labels = [parse_truth(cell) or (UNKNOWN if cell.strip() else None) for cell in data.cells]
    return data.texts, labels
