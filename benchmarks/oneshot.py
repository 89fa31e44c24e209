"""One example per category: accuracy over all categories at once, against plain NumPy.

Supports are drawn from the training split, the whole test split is classified, abstaining is off.
The reference shares nothing with textshot but the weights: sentence-transformers and three lines
of NumPy, on the same draws.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.data import SOURCES, draw_supports, load
from textshot import CachedEncoder, Category, Engine, load_encoder
from textshot._arrays import FloatArray
from textshot.encoders import Encoder

SETTINGS = ("name only", "example only", "example + name")
RESULTS = Path(__file__).parent / "results"
PICTURE = Path("docs/images/oneshot.png")


class Reference:
    """Nearest mean of unit vectors, with nothing of textshot in it."""

    def __init__(self, folder: str) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(folder, device="cpu")

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """Return unit rows, (n, dim)."""
        return self._model.encode(list(texts), normalize_embeddings=True)

    def answers(self, queries: FloatArray, kinds: list[FloatArray], labels: list[str]) -> list[str]:
        """Return the label of the nearest centre for each query; of two kinds names come first."""
        weights = [worth_of_names(*kinds), 1.0] if len(kinds) == 2 else [1.0]
        centres = np.average(kinds, axis=0, weights=weights)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        return [labels[i] for i in (queries @ centres.T).argmax(axis=1)]


def worth_of_names(names: FloatArray, examples: FloatArray) -> float:
    """Return how many examples a name counts as, for one example of each of many categories."""
    n = len(names)
    with_names, with_examples = examples @ names.T, examples @ examples.T
    own = np.diag(with_names)
    others = [
        np.array([np.delete(row, i) for i, row in enumerate(c)])
        for c in (with_names, with_examples)
    ]
    noise, spread = (other.var(axis=1, ddof=1).mean() for other in others)
    signal = (own - others[0].mean(axis=1)).mean()
    doubt = max(0.0, 1 - 1.5 * noise / (n * signal**2))
    measured = doubt * (signal / noise) / ((0.03 + 0.8 * signal) / spread)
    return float(np.exp((n * np.log(measured) + 8 * np.log(1 + 8 / n)) / (n + 8)))


def run_set(name: str, data: Path, draws: int, encoder: Encoder, reference: Reference) -> dict:
    """Return the accuracies of each draw, ours and the reference's, for each setting."""
    texts, labels = load(data, name, "train")
    tests, truths = load(data, name, "test")
    kinds = sorted(set(labels))
    names = reference.vectors([kind.replace("_", " ") for kind in kinds])
    queries = reference.vectors(tests)
    found = {setting: {"textshot": [], "numpy": []} for setting in SETTINGS}
    for seed in range(draws):
        rows = draw_supports(labels, 1, seed)
        examples = reference.vectors([texts[rows[kind][0]] for kind in kinds])
        channels = dict(zip(SETTINGS, ([names], [examples], [names, examples]), strict=True))
        for setting in SETTINGS if seed == 0 else SETTINGS[1:]:
            shots = [] if setting == "name only" else rows
            engine = Engine.build(
                [Category(k, examples=[*(texts[i] for i in (shots and rows[k]))]) for k in kinds],
                encoder=encoder,
                use_names="name" in setting,
                threshold=None,
            )
            ours = [p.label for p in engine.classify(tests, k=1)]
            plain = reference.answers(queries, channels[setting], kinds)
            for who, answers in (("textshot", ours), ("numpy", plain)):
                right = np.mean([a == t for a, t in zip(answers, truths, strict=True)])
                found[setting][who].append(100 * float(right))
    return {"n_way": len(kinds), "n_test": len(tests), "accuracy": found}


def table(results: dict) -> str:
    lines = [
        "| set | categories | setting | textshot | NumPy on the same draws | largest gap in a draw"
        " |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in results["sets"].items():
        for setting, accuracy in found["accuracy"].items():
            ours, plain = np.array(accuracy["textshot"]), np.array(accuracy["numpy"])
            lines.append(
                f"| {name} | {found['n_way']} | {setting} | {_shown(ours)} | {_shown(plain)} |"
                f" {np.abs(ours - plain).max():.2f} |"
            )
    return "\n".join(lines)


def plot(results: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for i, setting in enumerate(SETTINGS):
        values = [np.array(s["accuracy"][setting]["textshot"]) for s in results["sets"].values()]
        axes.bar(
            np.arange(len(values)) + (i - 1) * 0.27,
            [v.mean() for v in values],
            0.25,
            yerr=[v.std(ddof=1) if len(v) > 1 else 0 for v in values],
            capsize=3,
            label=setting,
        )
    sets = [f"{name}\n{found['n_way']} categories" for name, found in results["sets"].items()]
    axes.set_xticks(range(len(sets)), sets)
    axes.set_ylim(0, 100)
    axes.set_ylabel("accuracy, %")
    axes.set_title(f"Test split, all categories at once, {results['draws']} draws", fontsize=10)
    axes.legend(ncols=3, loc="upper left", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--sets", nargs="+", default=list(SOURCES), choices=list(SOURCES))
    options = parser.parse_args()
    encoder = load_encoder(adapter=None)
    reference = Reference(str(encoder.folder))
    results = {"draws": options.draws, "encoder": encoder.source, "sets": {}}
    for name in options.sets:
        begun = time.monotonic()
        results["sets"][name] = run_set(
            name, options.data, options.draws, CachedEncoder(encoder), reference
        )
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "oneshot.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "oneshot.md").write_text(table(results) + "\n", encoding="utf-8")
    plot(results, PICTURE)
    print(table(results))


def _shown(values: np.ndarray) -> str:
    spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread}"


if __name__ == "__main__":
    main()
