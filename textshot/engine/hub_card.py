"""The card of an index on the hub: what it sorts texts into, how well, and how to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from textshot._version import __version__
from textshot.engine.decision import decision_of
from textshot.index import State
from textshot.types import Category

_MAX_EXAMPLES = 3  # of each category that are shown
_MAX_CHARACTERS = 160  # of each
_USAGE = """\
## How to use it

```python
from textshot import Engine

engine = Engine.from_hub("{repo_id}")
print(engine.classify(["a text"])[0].label)
```

```console
$ textshot hub pull {repo_id} -o my-index
$ textshot classify my-index "a text"
```
"""


def index_card(state: State, repo_id: str, figures: Mapping[str, Any]) -> str:
    """Return the card, Markdown under a header of YAML.

    Args:
        state: what was pushed: without texts, if they are left out.
        repo_id: where.
        figures: as `Evaluation.to_dict` gives them; empty where nothing was measured.
    """
    encoder = "" if state.encoder is None else str(state.encoder.spec.get("name"))
    base = [f"base_model: {json.dumps(encoder)}"] if "/" in encoder else []
    n_examples = sum(len(entry.category.examples) for entry in state.entries)
    lines = [
        *("---", "library_name: textshot", "pipeline_tag: text-classification"),
        *("tags: [textshot, few-shot, open-set]", *base, "---"),
        *(f"# {repo_id}", ""),
        f"An index of textshot {__version__}: {len(state.entries)} categories with"
        f" {n_examples} examples. A text goes to the nearest category, or to `unknown`.",
        *("", _USAGE.format(repo_id=repo_id), "## Categories", ""),
        *("| category | what it is about | examples |", "|---|---|---|"),
        *(_row(entry.category) for entry in state.entries),
        *("", "## Figures", "", *_figures(figures), "", "## How it was made", ""),
        *_origin(state, encoder),
        "",
    ]
    return "\n".join(lines)


def _origin(state: State, encoder: str) -> list[str]:
    fingerprint = "" if state.encoder is None else state.encoder.fingerprint
    threshold = decision_of(state).threshold
    return [
        f"- encoder: `{encoder}` (fingerprint {fingerprint})",
        f"- network: {state.network.name}",
        f"- threshold: {'none' if threshold is None else f'{threshold:.3f}'} (cosine)",
        *(["- example texts were left out; their vectors are there"] * state.private),
    ]


def _row(category: Category) -> str:
    texts = [example.text for example in category.examples if example.text is not None]
    cells = [
        _cell(category.name),
        _cell(category.description or ""),
        "<br>".join(_cell(text) for text in texts[:_MAX_EXAMPLES])
        or ("not shown" if category.examples else ""),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return a text on one line, with its markup escaped."""
    cell = " ".join(text.split())
    cell = cell if len(cell) <= _MAX_CHARACTERS else f"{cell[: _MAX_CHARACTERS - 1]}…"
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        cell = cell.replace(character, entity)
    return "".join(f"\\{c}" if c in "\\`*_[]!~$" else c for c in cell)


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
    lines = [
        f"| {words} | {100 * figures[name]:.1f} % |"
        for words, name in rows
        if figures.get(name) is not None
    ]
    summary = (
        f"On {figures['n']:,} labelled texts, {figures['n_unknown']:,} of which fit no category"
    )
    return [f"{summary}.", "", "| | |", "|---|---|", *lines]
