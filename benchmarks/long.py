"""Compare windows over long texts with cutting them at the limit of the encoder.

Two sets: the document desk of examples/documents, and 20 Newsgroups. Each cell is saved in
benchmarks/results/long.json; run the same command again to resume.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import load, save
from textshot import Category, Engine, PrecomputedEncoder, load_encoder
from textshot._arrays import IntArray
from textshot.encoders import Encoder
from textshot.types import spoken_name

RESULTS = Path(__file__).parent / "results" / "long.json"
PAGE, PICTURE = Path("docs/long-texts-figures.md"), Path("docs/images/long-texts.png")
DESK = Path(__file__).parents[1] / "examples" / "documents"
SETS = {"document desk": 30, "20newsgroups": 10}
"""The draws of examples of each set."""

WAYS, SHOTS, MAX_TESTS = ("cut", "windows"), (1, 5), 2000
_HEAD = """# Long texts: figures

Made by `python -m benchmarks.long --data DIR` from `benchmarks/results/long.json`. Accuracy in %
with names and examples and abstaining off, ± the standard deviation over random samples of examples
(30 for the document desk, 10 for 20 Newsgroups). The default encoder with its adapter, which saw
neither set. *cut*: only the first 254 tokens are read; *windows*: the mean of windows of up to 254
tokens that overlap by about 64. The document desk (`examples/documents`) has 120 documents; all but
the examples are test texts. The 2,000 test texts of 20 Newsgroups are from its test split; a fifth
of them is longer than 254 tokens.

![Accuracy, cut and in windows](images/long-texts.png)

"""


class Texts:
    """Texts with labels, those that examples are drawn from, and those that are tests."""

    def __init__(self, name: str, data: Path) -> None:
        self.draws = SETS[name]
        if name != "20newsgroups":
            rows = [
                json.loads(line)
                for part in ("categories", "labelled")
                for line in (DESK / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
            ]
            self.texts, labels = [r["text"] for r in rows], [r["label"] for r in rows]
            self._pool = self._tests = np.arange(len(rows))
        else:
            self.texts, labels = load(data, name, "train")
            tests, truths = load(data, name, "test")
            self._pool = np.arange(len(labels))
            some = np.random.default_rng(0).permutation(len(tests))[:MAX_TESTS]
            self._tests = len(labels) + np.sort(some)
            self.texts, labels = self.texts + tests, labels + truths
        self.kinds = sorted(set(labels))
        self.labels: IntArray = np.array([self.kinds.index(label) for label in labels])

    def draw(self, n_shot: int, seed: int) -> tuple[IntArray, IntArray]:
        """Return the rows of examples (n_categories, n_shot), and those of the tests."""
        order = np.random.default_rng(seed).permutation(self._pool)
        of = [order[self.labels[order] == kind][:n_shot] for kind in range(len(self.kinds))]
        chosen = np.stack(of)
        return chosen, np.setdiff1d(self._tests, chosen)

    def table(self, encoder: Encoder) -> PrecomputedEncoder:
        """Encode all that a draw may ask about."""
        used = {
            int(i)
            for s in range(self.draws)
            for part in self.draw(max(SHOTS), s)
            for i in part.ravel()
        }
        texts = [*(spoken_name(k) for k in self.kinds), *(self.texts[i] for i in sorted(used))]
        texts = list(dict.fromkeys(texts))
        return PrecomputedEncoder(texts, encoder.encode(texts), name=encoder.fingerprint)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--only", nargs="+", default=list(SETS), choices=SETS)
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in options.only:
        for way in WAYS:
            if way not in found.setdefault(name, {}):
                encoder = load_encoder(long_texts=way, device="cpu")
                found[name][way] = dict(measure(Texts(name, options.data), encoder))
                save(RESULTS, found)
                print(f"{name}, {way}: done", flush=True)
    write(found)


def measure(some: Texts, encoder: Encoder) -> Iterator[tuple[str, list[float]]]:
    """Yield the accuracies in % of all draws, for each number of examples."""
    table = some.table(encoder)
    for n_shot in SHOTS:
        draws = []
        for seed in range(some.draws):
            chosen, tests = some.draw(n_shot, seed)
            categories = [
                Category(kind, examples=[*(some.texts[i] for i in rows)])
                for kind, rows in zip(some.kinds, chosen, strict=True)
            ]
            engine = Engine.build(categories, encoder=table, threshold=None)
            scores = engine.score_vectors(table.encode([some.texts[i] for i in tests]))
            draws.append(100 * float((scores.argmax(axis=1) == some.labels[tests]).mean()))
        yield str(n_shot), draws


def write(found: dict[str, Any]) -> None:
    """Write the page and the picture."""
    lines = ["| set | examples | cut | windows | gain |", "|---|---|---|---|---|"]
    for name, ways in found.items():
        for n in map(str, SHOTS):
            cut, windows = (np.array(ways[way][n]) for way in WAYS)
            shown = (f"{d.mean():.1f} ± {d.std(ddof=1):.1f}" for d in (cut, windows))
            gain = f"{(windows - cut).mean():+.1f}"
            lines.append(f"| {name} | {n} | {' | '.join(shown)} | {gain} |")
    PAGE.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    plot(found)


def plot(found: dict[str, Any]) -> None:
    """Draw a bar for each."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    bars = [(name, n) for name in found for n in SHOTS]
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for offset, way, colour in zip((-0.2, 0.2), WAYS, ("#9db8d2", "#1f3b57"), strict=True):
        draws = [found[name][way][str(n)] for name, n in bars]
        places = np.arange(len(bars)) + offset
        spread = [np.std(d, ddof=1) for d in draws]
        axes.bar(places, [np.mean(d) for d in draws], 0.38, yerr=spread, color=colour, label=way)
    names = [f"{name}\n{n} example{'s' if n > 1 else ''}" for name, n in bars]
    axes.set_xticks(range(len(bars)), names)
    axes.set_ylabel("accuracy, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
