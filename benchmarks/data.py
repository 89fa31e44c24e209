"""Benchmark sets: {folder}/{set}/{train,test}.jsonl, a {"text", "label"} object a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

SOURCES = {
    "banking77": "Casanueva et al. 2020, github.com/PolyAI-LDN/task-specific-datasets (CC BY 4.0)",
    "hwu64": "Liu et al. 2019, github.com/xliuhw/NLU-Evaluation-Data (CC BY 4.0)",
    "clinc150": "Larson et al. 2019, github.com/clinc/oos-eval (CC BY 3.0)",
}


def load(folder: Path, name: str, split: str) -> tuple[list[str], list[str]]:
    """Return the texts and labels of a split; a missing file ends the program with advice."""
    path = folder / name / f"{split}.jsonl"
    if not path.is_file():
        sys.exit(
            f"{path} is not there. Get {name} from {SOURCES[name]} and lay it out as"
            ' DATA/SET/train.jsonl and test.jsonl, an object {"text": ..., "label": ...} a line;'
            " then say DATA=folder"
        )
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [row["text"] for row in rows], [row["label"] for row in rows]


def draw_supports(labels: list[str], n_shot: int, seed: int) -> dict[str, list[int]]:
    """Draw `n_shot` rows of each label: {label: rows}, the same for every method."""
    rng = np.random.default_rng(seed)
    of = np.asarray(labels)
    return {
        str(label): rng.choice(np.flatnonzero(of == label), n_shot, replace=False).tolist()
        for label in np.unique(of)
    }
