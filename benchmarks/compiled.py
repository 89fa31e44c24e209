"""Compare the answers of compiled encoders with those of the reference in torch.

One example and the name of each category, ten draws, test splits. The default compiled encoder
(OpenVINO bf16) reads an index that the reference made; int8 makes its own. "Equal" counts
unknown as an answer too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.sets import OPEN, SETS, Set
from benchmarks.data import load, save
from textshot import CachedEncoder, Engine, load_encoder
from textshot._arrays import FloatArray, IntArray
from textshot.encoders import Encoder, PrecomputedEncoder

RESULTS = Path(__file__).parent / "results" / "compiled.json"
PAGE = Path("docs/compiled-figures.md")
DRAWS = 10
MAX_TESTS = {"20newsgroups": 1000}
"""Of long texts, which take the reference a quarter of a second each: a draw of so many."""
REFERENCE, BF16, INT8 = "torch fp32", "OpenVINO bf16", "OpenVINO int8"
KINDS = {REFERENCE: ("torch", "fp32"), BF16: ("openvino", "bf16"), INT8: ("openvino", "int8")}
CLOSE = 2e-3
"""In bf16 an answer may change where the margin, or the way to the threshold, is below this."""

Figures = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--tables", action="store_true", help="write only the page")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    if not options.tables:
        measure(options.data)
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


def measure(data: Path) -> None:
    """Measure what is missing in the results; each set is saved when it is done."""
    found: dict[str, Any] = {"sets": {}, "open": {}}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    encoders = {
        name: CachedEncoder(load_encoder(device="cpu", backend=backend, precision=precision))
        for name, (backend, precision) in KINDS.items()
    }
    parts = [("sets", name, (folder, label)) for name, (folder, label, _) in SETS.items()]
    parts += [("open", name, (folder, "label")) for name, (folder, _) in OPEN.items()]
    for part, name, (folder, label) in parts:
        if name not in found[part]:
            extra = load(data, *OPEN[name])[0] if part == "open" else []
            some = Set(data, folder, label, extra)
            _thin(some, MAX_TESTS.get(name, len(some.tests)))
            found[part][name] = cell(some, encoders)
            save(RESULTS, found)
            print(part, name, flush=True)


def _thin(some: Set, most: int) -> None:
    rows = np.sort(np.random.default_rng(0).permutation(len(some.tests))[:most])
    some.tests, some.truths = [some.tests[i] for i in rows], some.truths[rows]


def cell(some: Set, encoders: Mapping[str, Encoder], draws: int = DRAWS) -> dict[str, Any]:
    """Return the figures of a set, {kind: {figure: [a draw each]}}.

    "accuracy" with abstaining off; "known", "foreign": shares of fitting and other texts that
    are answered by a category; "equal": as the reference, "unclear": not so, where the reference
    is clear by less than CLOSE; "score": the largest difference.
    """
    tables = {name: some.table(encoder, [1], draws) for name, encoder in encoders.items()}
    found: dict[str, Figures] = {name: {} for name in encoders}
    for seed in range(draws):
        categories = some.categories(some.draw(1, seed))
        engines = {
            name: Engine.build(categories, encoder=tables[name]) for name in (REFERENCE, INT8)
        }
        engines[BF16] = engines[REFERENCE]
        answers = {name: _answers(engines[name], tables[name], some) for name in encoders}
        for name in encoders:
            for figure, value in _compared(*answers[name], *answers[REFERENCE], some).items():
                found[name].setdefault(figure, []).append(value)
    return {"n_way": len(some.kinds), "n_test": len(some.tests), "figures": found}


def _answers(engine: Engine, table: PrecomputedEncoder, some: Set) -> tuple[FloatArray, float]:
    """Return the scores of all tests, and of the texts that fit none, and the threshold."""
    rows = table.encode([*some.tests, *some.extra])
    threshold = engine.decision.threshold
    return engine.score_vectors(rows), -1.0 if threshold is None else threshold


def _compared(
    scores: FloatArray, threshold: float, theirs: FloatArray, their_threshold: float, some: Set
) -> dict[str, float]:
    n = len(some.tests)
    ours, reference = _labels(scores, threshold), _labels(theirs, their_threshold)
    best = np.sort(theirs, axis=1)
    clear = np.minimum(best[:, -1] - best[:, -2], np.abs(best[:, -1] - their_threshold))
    changed = ours != reference
    found = {
        "accuracy": 100 * float((scores[:n].argmax(axis=1) == some.truths).mean()),
        "known": 100 * float((ours[:n] >= 0).mean()),
        "equal": 100 * float((~changed).mean()),
        "unclear": 100 * float((changed & (clear < CLOSE)).mean()),
        "score": float(np.abs(scores - theirs).max()),
    }
    return found | ({"foreign": 100 * float((ours[n:] >= 0).mean())} if some.extra else {})


def _labels(scores: FloatArray, threshold: float) -> IntArray:
    labels: IntArray = np.where(scores.max(axis=1) >= threshold, scores.argmax(axis=1), -1)
    return labels


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    lines = [
        "# Compiled encoders: the answers\n",
        f"Made by `make bench-compiled DATA=folder`: {DRAWS} random samples of one example"
        " per category, with the category names, on whole test splits (1,000 texts of"
        " 20newsgroups). *Equal*: the same answer as the reference in torch, unknown included."
        " *Coverage*: texts that get a category. Means over the samples; changes of accuracy with"
        " their standard deviation.\n",
        "| | texts | accuracy | bf16: change | equal, % | largest change of a score"
        " | int8: change | equal, % | coverage, %: reference, int8 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(name, one) for name, one in found["sets"].items()]
    lines += ["", _sum(found["sets"]), ""]
    lines += [
        "| out-of-scope texts of | coverage in scope, %: reference, int8"
        " | false acceptance, %: reference, int8 |"
    ]
    lines += ["|---|---|---|"]
    for name, one in found["open"].items():
        ours, theirs = one["figures"][INT8], one["figures"][REFERENCE]
        cells = [f"{np.mean(theirs[f]):.1f}, {np.mean(ours[f]):.1f}" for f in ("known", "foreign")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _line(name: str, one: Mapping[str, Any]) -> str:
    figures = one["figures"]
    reference = np.array(figures[REFERENCE]["accuracy"])
    cells = [name, f"{one['n_test']:,}", f"{reference.mean():.1f}"]
    for kind in (BF16, INT8):
        change = np.array(figures[kind]["accuracy"]) - reference
        cells.append(f"{change.mean():+.2f} ± {change.std(ddof=1):.2f}")
        cells.append(f"{np.mean(figures[kind]['equal']):.2f}")
        if kind == BF16:
            cells.append(f"{max(figures[kind]['score']):.4f}")
    cells.append(", ".join(f"{np.mean(figures[k]['known']):.1f}" for k in (REFERENCE, INT8)))
    return f"| {' | '.join(cells)} |"


def _sum(sets: Mapping[str, Any]) -> str:
    counts = np.array([one["n_test"] for one in sets.values()])
    equal, unclear = (
        np.array([np.mean(one["figures"][BF16][figure]) for one in sets.values()])
        for figure in ("equal", "unclear")
    )
    share, close = (float((counts * each).sum() / counts.sum()) for each in (equal, unclear))
    return (
        f"Over all {counts.sum():,} texts the default compiled encoder gives the same answer as the"
        f" reference for {share:.2f} %. Where it does not, the reference's margin, or its distance"
        f" to the threshold, is below {CLOSE} in {100 * close / (100 - share):.0f} of 100 cases."
    )


if __name__ == "__main__":
    main()
