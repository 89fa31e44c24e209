"""Measure a pipeline: 5,000 texts through a spaCy component and through the library, in turns.

Both use the fastest compiled encoder; the pipeline has spaCy's batches of 1,000, and
then as many texts at once as the library. After each turn labels are compared, at the end the
pipeline is written, and a new process answers for the same texts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import load, save
from textshot import Category, Engine
from textshot.engine.predictor import WINDOW

RESULTS = Path(__file__).parent / "results" / "pipelines.json"
N_TEXTS = 5000
AGAIN = """
import json, sys, spacy
texts = json.load(open(sys.argv[2], encoding="utf-8"))
docs = spacy.load(sys.argv[1]).pipe(texts)
print(json.dumps([doc._.textshot.label for doc in docs]))
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--texts", type=int, default=N_TEXTS)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    os.environ.pop("TEXTSHOT_BACKEND", None)  # the compiled encoder: this is about speed
    found = measure(given.data, given.turns, given.texts)
    save(given.output, found)
    print(json.dumps(found, indent=2))
    if not (found["equal"] and found["equal_in_a_new_process"]):
        sys.exit("labels differ")


def measure(data: Path, turns: int, n_texts: int) -> dict[str, Any]:
    import spacy

    train, labels = load(data, "banking77", "train")
    test, _ = load(data, "banking77", "test")
    texts = (test + train)[:n_texts]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        Engine.build(_one_example_each(train, labels)).save(index)
        engine, nlp = Engine.load(index), spacy.blank("en")
        nlp.add_pipe("textshot", config={"index": str(index)})

        def through_library() -> list[str | None]:
            return [answer.label for answer in engine.classify(texts)]

        def through_spacy(size: int) -> list[str | None]:
            return [doc._.textshot.label for doc in nlp.pipe(texts, batch_size=size)]

        engine.classify(texts[:64])
        list(nlp.pipe(texts[:64]))
        sizes = {"spacy": nlp.batch_size, "spacy, large batches": WINDOW}
        rates: dict[str, list[float]] = {name: [] for name in ("library", *sizes)}
        equal = True
        for _ in range(turns):
            first = _timed(through_library, rates["library"])
            for name, size in sizes.items():
                equal &= first == _timed(partial(through_spacy, size), rates[name])
        again = _in_a_new_process(nlp, texts, Path(folder))
    shares = {name: _shares(rates[name], rates["library"]) for name in sizes}
    return {
        "texts": len(texts),
        "batch_size": sizes,
        "texts_per_second": {name: [round(r, 1) for r in some] for name, some in rates.items()},
        "share_of_the_library": shares,
        "median_share": {name: median(some) for name, some in shares.items()},
        "equal": equal,
        "equal_in_a_new_process": again == first,
    }


def _shares(rates: Sequence[float], library: Sequence[float]) -> list[float]:
    return sorted(round(rate / other, 3) for rate, other in zip(rates, library, strict=True))


def _one_example_each(texts: Sequence[str], labels: Sequence[str]) -> list[Category]:
    first = dict(zip(reversed(labels), reversed(texts), strict=True))
    return [
        Category(label.replace("_", " "), examples=[text]) for label, text in sorted(first.items())
    ]


def _timed(run: Callable[[], list[str | None]], rates: list[float]) -> list[str | None]:
    start = time.perf_counter()
    found = run()
    rates.append(len(found) / (time.perf_counter() - start))
    return found


def _in_a_new_process(nlp: Any, texts: Sequence[str], folder: Path) -> list[str | None]:
    nlp.to_disk(folder / "nlp")
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    words = [sys.executable, "-c", AGAIN, str(folder / "nlp"), str(folder / "texts.json")]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: list[str | None] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
