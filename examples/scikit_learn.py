"""Cross-validate a OneShotClassifier in a pipeline: python examples/scikit_learn.py."""

import csv
from pathlib import Path

from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from textshot import OneShotClassifier, load_encoder

LABELLED = Path(__file__).parent / "support" / "labelled.csv"


def main() -> None:
    with LABELLED.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"]]
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    model = make_pipeline(
        FunctionTransformer(lambda column: [text.strip() for text in column]),
        OneShotClassifier(load_encoder(), threshold=None),
    )
    scores = cross_val_score(model, texts, labels, cv=3)
    print(f"accuracy with about ten examples each: {scores.mean():.2f}")


if __name__ == "__main__":
    main()
