"""Search settings and cross-validate in a pipeline, 72 + 5 fits: python examples/scikit_learn.py.

All fits share one encoder, and each text is encoded once.
"""

import csv
import time
from pathlib import Path

from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from textshot import OneShotClassifier

LABELLED = Path(__file__).parent / "support" / "labelled.csv"
GRID = {
    "oneshotclassifier__network": [None, "memory", "linear"],
    "oneshotclassifier__use_names": [True, False],
    "oneshotclassifier__threshold": ["auto", 0.2, 0.3, None],
}


def stripped(column: list[str]) -> list[str]:
    """Return texts without blanks around them."""
    return [text.strip() for text in column]


def main() -> None:
    """Print the best settings, their accuracy, and how long it took."""
    with LABELLED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    labels = [row["label"] or "unknown" for row in rows]  # "unknown": fits none of the classes
    model = make_pipeline(FunctionTransformer(stripped), OneShotClassifier())
    start = time.monotonic()
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(model, GRID, cv=folds, refit=False).fit(texts, labels)
    middle = time.monotonic()
    for name, value in search.best_params_.items():
        print(f"{name.removeprefix('oneshotclassifier__')}: {value!r}")
    print(f"accuracy of the best of {len(search.cv_results_['params'])}: {search.best_score_:.3f}")
    print(f"72 fits: {middle - start:.1f} s")
    scores = cross_val_score(model.set_params(**search.best_params_), texts, labels, cv=5)
    print(f"accuracy in five parts: {scores.mean():.3f}, {time.monotonic() - middle:.1f} s")


if __name__ == "__main__":
    main()
