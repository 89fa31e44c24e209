"""Measure the warnings of `check`, and the gain from labelling what `suggest` picks.

`check` sees the categories of a draw (names and examples); then the test split is answered, and a
category fails if its accuracy is below half of the mean. `suggest` picks one training text for
each category, `correct` adds their true labels, and the test split is answered again; three
rounds. The encoder runs without its adapter, which was trained on these sets.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.sets import SETS, Set
from benchmarks.data import save
from textshot import CachedEncoder, Engine, load_encoder
from textshot.encoders import PrecomputedEncoder
from textshot.engine.check import FindingKind
from textshot.types import spoken_name

RESULTS, PAGE = Path(__file__).parent / "results" / "check.json", Path("docs/check-figures.md")
PICTURE = Path("docs/images/suggest.png")
NAMES, TUNED_ON = ("banking77", "clinc150"), ("hwu64", "massive_intent_en")
DRAWS, SHOTS, ROUNDS = 10, (1, 3, 5), 3
FAILING = (FindingKind.ASTRAY, FindingKind.NAME, FindingKind.WIDE)
"""Kinds that say: texts of this category will not reach it."""
ANY = "any of the three"

Pick = Callable[[Engine, Sequence[str], int, int], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("--tables", action="store_true", help="write only the page and the picture")
    options = parser.parse_args()
    if options.data is None and not options.tables:
        sys.exit("pass --data FOLDER with the sets, or --tables to write only the page")
    if not options.tables:
        measure(options.data)
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(page(found), encoding="utf-8")
    plot(found, PICTURE)


def measure(data: Path) -> None:
    """Measure what is missing in the results; each set is saved when it is done."""
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    encoder = CachedEncoder(load_encoder(device="cpu", backend="openvino", adapter=None))
    for name in (*NAMES, *TUNED_ON):
        if name in found:
            continue
        some = Set(data, *SETS[name][:2])
        texts = list(dict.fromkeys([*map(spoken_name, some.kinds), *some.texts, *some.tests]))
        table = PrecomputedEncoder(texts, encoder.encode(texts), name=encoder.fingerprint)
        found[name] = {
            "check": {str(n): checks(some, table, n) for n in SHOTS},
            "suggest": {way: rounds(some, table, pick) for way, pick in WAYS.items()},
        }
        save(RESULTS, found)
        print(name, flush=True)


def checks(
    some: Set, table: PrecomputedEncoder, n_shot: int, draws: int = DRAWS
) -> list[dict[str, Any]]:
    """Return what came of each draw.

    "failing" and "categories" are counts; "kinds" has [flagged, of these failing] for each kind;
    "mixed" the share of texts that each flagged pair of categories gets of each other.
    """
    found = []
    for seed in range(draws):
        engine = Engine.build(some.categories(some.draw(n_shot, seed)), encoder=table)
        labels = engine.index.labels
        truths = np.array([labels.index(some.kinds[i]) if i >= 0 else -1 for i in some.truths])
        answers = engine.predict_arrays(some.tests, 1, threshold=None).rows[:, 0]
        shares = np.array([(answers[truths == i] == i).mean() for i in range(len(labels))])
        failing = {labels[i] for i in np.flatnonzero(shares < shares.mean() / 2)}
        findings = engine.check()
        flagged = {kind.value: {f.label for f in findings if f.kind is kind} for kind in FAILING}
        flagged[ANY] = set().union(*flagged.values())
        mixed = [
            float(np.mean([(answers[truths == a] == b).mean(), (answers[truths == b] == a).mean()]))
            for f in findings
            if f.kind is FindingKind.OVERLAP and f.label and f.other
            for a, b in [(labels.index(f.label), labels.index(f.other))]
        ]
        kinds = {kind: [len(some_), len(some_ & failing)] for kind, some_ in flagged.items()}
        found.append(
            {"failing": len(failing), "categories": len(labels), "kinds": kinds, "mixed": mixed}
        )
    return found


def rounds(
    some: Set, table: PrecomputedEncoder, pick: Pick, draws: int = DRAWS, n_rounds: int = ROUNDS
) -> list[list[float]]:
    """Return the accuracy in % of each draw: at first, and after each round of labels."""
    label_of = dict(zip(some.texts, some.labels, strict=True))
    truths = np.array([some.kinds[i] if i >= 0 else "" for i in some.truths])
    found = []
    for seed in range(draws):
        engine = Engine.build(some.categories(some.draw(1, seed)), encoder=table)
        pool = set(some.texts) - {e.text for c in engine.categories for e in c.examples}
        accuracies = [_accuracy(engine, some.tests, truths)]
        for _ in range(n_rounds):
            picked = pick(engine, sorted(pool), len(some.kinds), seed)
            engine.correct_all(picked, [label_of[text] for text in picked])
            pool -= set(picked)
            accuracies.append(_accuracy(engine, some.tests, truths))
        found.append(accuracies)
    return found


def _accuracy(engine: Engine, texts: Sequence[str], truths: Any) -> float:
    rows = engine.predict_arrays(texts, 1, threshold=None).rows[:, 0]
    return 100 * float((np.array(engine.index.labels)[rows] == truths).mean())


def _suggested(engine: Engine, pool: Sequence[str], n: int, seed: int) -> list[str]:
    return engine.suggest(pool, n, seed=seed)


def _at_random(engine: Engine, pool: Sequence[str], n: int, seed: int) -> list[str]:
    return [str(t) for t in np.random.default_rng([seed, len(pool)]).choice(pool, n, False)]


def _least_margin(engine: Engine, pool: Sequence[str], n: int, seed: int) -> list[str]:
    margins = engine.predict_arrays(pool, 2, threshold=None).margins
    return [pool[i] for i in np.argsort(margins, kind="stable")[:n]]


WAYS: Mapping[str, Pick] = {
    "suggest": _suggested,
    "least margin": _least_margin,
    "random": _at_random,
}
COLOURS = {"suggest": "#c0504d", "least margin": "#7f8fa6", "random": "#1f3b57"}


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    lines = [
        "# `check` and `suggest`: figures\n",
        f"Made by `make bench-check DATA=folder`: {DRAWS} random samples of examples. Category"
        " names are those of the sets. The encoder runs without its adapter, which was trained"
        " on these sets. The limits of `check` and the weights of `suggest` were chosen on"
        f" {' and '.join(TUNED_ON)}; banking77 and clinc150 were measured once, afterwards.\n",
        "## Do flagged categories fail?\n",
        "A category *fails* if its accuracy, with abstaining off, is below half of the mean."
        " *Precision*: the share of flagged categories that fail. *Recall*: the share of failing"
        " categories that are flagged. By chance, precision would be the share that fails.\n",
        "| set | examples | fail, % | flagged as | per sample | precision, % | recall, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, measured in found.items():
        for n_shot, draws in measured["check"].items():
            lines += _check_lines(name, n_shot, draws)
    lines += [
        "",
        "Two categories that are flagged as near each other need not fail. *Confused*: the share of"
        " the texts of one category that get the other, the mean of both.\n",
        "| set | examples | pairs per sample | confused, % |",
        "|---|---|---|---|",
    ]
    for name, measured in found.items():
        for n_shot, draws in measured["check"].items():
            mixed = [share for draw in draws for share in draw["mixed"]]
            shown = f"{100 * np.mean(mixed):.1f}" if mixed else "-"
            lines.append(f"| {name} | {n_shot} | {len(mixed) / len(draws):.1f} | {shown} |")
    lines += [
        "\n## Do labels for suggested texts help?\n",
        "The index starts with one example and the name of each category. In each round, as many"
        " training texts as there are categories get their true label. Accuracy in % with"
        " abstaining off, mean ± the standard deviation over the samples.\n",
        "![Accuracy after rounds of labels](images/suggest.png)\n",
        "| set | picked by | at the start | after 1 round | after 2 | after 3 |",
        "|---|---|---|---|---|---|",
    ]
    for name, measured in found.items():
        for way, draws in measured["suggest"].items():
            cells = [_spread(column) for column in np.transpose(draws)]
            lines.append(f"| {name} | {way} | {' | '.join(cells)} |")
    lines += ["", "| set | suggest over random | after 2 | after 3 |", "|---|---|---|---|"]
    for name, measured in found.items():
        ways = measured["suggest"]
        gains = np.transpose(np.subtract(ways["suggest"], ways["random"]))[1:]
        lines.append(f"| {name} | {' | '.join(_spread(g, '+') for g in gains)} |")
    return "\n".join([*lines, ""])


def _check_lines(name: str, n_shot: str, draws: Sequence[Mapping[str, Any]]) -> list[str]:
    failing = sum(draw["failing"] for draw in draws)
    share = 100 * failing / sum(draw["categories"] for draw in draws)
    lines = []
    for kind in draws[0]["kinds"]:
        flagged, right = np.sum([draw["kinds"][kind] for draw in draws], axis=0)
        if flagged:
            figures = f"{100 * right / flagged:.0f} | {100 * right / max(failing, 1):.0f}"
            a_draw = f"{flagged / len(draws):.1f}"
            lines.append(f"| {name} | {n_shot} | {share:.0f} | {kind} | {a_draw} | {figures} |")
    return lines


def _spread(values: Any, sign: str = "") -> str:
    return f"{np.mean(values):{sign}.1f} ± {np.std(values, ddof=1):.1f}"


def plot(found: Mapping[str, Any], path: Path) -> None:
    """Draw the accuracy over the rounds, a panel for each set."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(3 * len(found), 3), layout="constrained")
    for panel, (name, measured) in zip(np.atleast_1d(axes), found.items(), strict=True):
        for way, draws in measured["suggest"].items():
            rows = np.array(draws)
            panel.errorbar(
                range(rows.shape[1]),
                rows.mean(axis=0),
                rows.std(axis=0, ddof=1),
                color=COLOURS[way],
                marker="o",
                markersize=3,
                capsize=2,
                label=way,
            )
        panel.set_title(name, fontsize=10)
        panel.set_xlabel("rounds of one label a category", fontsize=8)
        panel.set_xticks(range(rows.shape[1]))
        panel.spines[["top", "right"]].set_visible(False)
    np.atleast_1d(axes)[0].set_ylabel("accuracy, %")
    np.atleast_1d(axes)[0].legend(frameon=False, fontsize=8, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
