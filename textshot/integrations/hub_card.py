"""The card of an index on the hub: what it sorts texts into, how well, and how to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from textshot._version import __version__
from textshot.engine import Engine
from textshot.types import Category

_EXAMPLES = 3  # of each category that are shown
_TEXT = 160  # signs of each


def index_card(engine: Engine, repo_id: str, figures: Mapping[str, Any]) -> str:
    """Return the card, Markdown under a header of YAML.

    Args:
        engine: what was pushed: without texts, if they are left out.
        repo_id: where.
        figures: as `Evaluation.to_dict` gives them; empty where nothing was measured.
    """
    n_examples = sum(len(category.examples) for category in engine.categories)
    state = engine.index.state
    limit = engine.decision.threshold
    encoder = "" if state.encoder is None else str(state.encoder.spec.get("name"))
    base = [f"base_model: {json.dumps(encoder)}"] if "/" in encoder else []
    head = [
        "---",
        "library_name: textshot",
        "pipeline_tag: text-classification",
        "tags: [textshot, few-shot, open-set]",
        *base,
        "---",
    ]
    return "\n".join(
        [
            *head,
            f"# {repo_id}",
            "",
            f"An index of textshot {__version__}: {len(engine.index)} categories with"
            f" {n_examples} examples. A text goes to the nearest category, or to `unknown`.",
            "",
            "## How to use it",
            "",
            "```python",
            "from textshot import from_hub",
            "",
            f'engine = from_hub("{repo_id}")',
            'print(engine.classify(["a text"])[0].label)',
            "```",
            "",
            "```console",
            f"$ textshot hub pull {repo_id} -o my-index",
            '$ textshot classify my-index "a text"',
            "```",
            "",
            "## Categories",
            "",
            "| category | what it is about | examples |",
            "|---|---|---|",
            *(_row(category) for category in engine.categories),
            "",
            "## Figures",
            "",
            *_figures(figures),
            "",
            "## How it was made",
            "",
            f"- encoder: `{encoder}` (fingerprint {engine.encoder.fingerprint})",
            f"- network: {engine.network.name}",
            f"- threshold: {'none' if limit is None else f'{limit:.3f}'} (cosine)",
            *(["- example texts were left out; their vectors are there"] * state.private),
            "",
        ]
    )


def _row(category: Category) -> str:
    shown = [example.text for example in category.examples if example.text is not None]
    cells = [
        _cell(category.name),
        _cell(category.description or ""),
        "<br>".join(_cell(text) for text in shown[:_EXAMPLES])
        or ("not shown" if category.examples else ""),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Keep a text in its cell, and what it says from being taken for markup."""
    said = " ".join(text.split())
    said = said if len(said) <= _TEXT else f"{said[: _TEXT - 1]}…"
    for sign, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        said = said.replace(sign, safe)
    return "".join(f"\\{c}" if c in "\\`*_[]!~$" else c for c in said)


def _figures(figures: Mapping[str, Any]) -> list[str]:
    if not figures:
        return ["Not measured. `textshot evaluate my-index labelled.csv` does, on texts of yours."]
    rows = [
        ("accuracy", "accuracy"),
        ("of those answered", "accuracy_answered"),
        ("coverage", "coverage"),
        ("macro F1", "macro_f1"),
        ("recall of unknown", "unknown_recall"),
        ("precision of unknown", "unknown_precision"),
    ]
    shown = [
        f"| {words} | {100 * figures[name]:.1f} % |"
        for words, name in rows
        if figures.get(name) is not None
    ]
    texts = f"On {figures['n']:,} labelled texts, {figures['n_unknown']:,} of which fit no category"
    return [f"{texts}.", "", "| | |", "|---|---|", *shown]
