"""Run in the environment of SetFit: predict the texts of each line, a JSON list; answer "done".

A head that was fitted on random vectors costs what any costs.
"""

import json
import sys

import numpy as np
from setfit import SetFitModel

N_CLASSES = 77


def main() -> None:
    told, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not an answer
    model = SetFitModel.from_pretrained(sys.argv[1], local_files_only=True)
    rows = np.random.default_rng(0).normal(size=(2 * N_CLASSES, 384))
    model.model_head.fit(rows, np.arange(2 * N_CLASSES) % N_CLASSES)
    for line in sys.stdin:
        model.predict(json.loads(line), show_progress_bar=False)
        print("done", file=told, flush=True)


if __name__ == "__main__":
    main()
