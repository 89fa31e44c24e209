"""Benchmark sets: {folder}/{set}/{train,test}.jsonl, a {"text", "label"} object a line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from textshot.training.corpus import Corpus, Splits, join, split_categories
from textshot.training.corpus_preparation import prepare_corpus

SOURCES = {
    "banking77": "Casanueva et al. 2020, github.com/PolyAI-LDN/task-specific-datasets (CC BY 4.0)",
    "hwu64": "Liu et al. 2019, github.com/xliuhw/NLU-Evaluation-Data (CC BY 4.0)",
    "clinc150": "Larson et al. 2019, github.com/clinc/oos-eval (CC BY 3.0)",
}
MORE_SOURCES = {
    "fewrel_val": "Han et al. 2018, github.com/thunlp/FewRel (MIT)",
    "massive_intent_en": "FitzGerald et al. 2022, github.com/alexa/massive (CC BY 4.0)",
    "trec": "Li and Roth 2002, github.com/harvardnlp/sent-conv-torch, data/raw (no licence stated)",
    "ag_news": "Zhang et al. 2015, github.com/mingkaid/rl-prompt (non-commercial research)",
    "20newsgroups": "Lang 1995, github.com/yao8839836/text_gcn (no licence stated)",
    "sib200": "Adelani et al. 2024, github.com/dadelani/sib-200 (Apache 2.0)",
    "mr": "Pang and Lee 2005, github.com/nltk/nltk_data, sentence_polarity (CC BY 4.0)",
    "subj": "Pang and Lee 2004, github.com/nltk/nltk_data, subjectivity (CC BY 4.0)",
    "banking77_oos": "Zhang et al. 2022, github.com/jianguoz/Few-Shot-Intent-Detection, its labels"
    " put right by those of banking77",
    "clinc_banking_oos": "Zhang et al. 2022, github.com/jianguoz/Few-Shot-Intent-Detection",
}
FOLDS = "github.com/tdopierre/ProtAugment, data/*/few_shot/0N/labels.*.txt (Apache 2.0)"
SPLITS = {
    "banking77": ("train", "test"),
    "hwu64": ("train", "valid", "test"),
    "clinc150": ("train", "valid", "test"),
    "fewrel_val": ("valid_wiki", "valid_nyt", "valid_pubmed"),
    "massive_intent_en": ("train", "test"),
    "sib200/eng_Latn": ("train", "valid", "test"),
    "mr": ("train", "test"),
    "subj": ("train", "test"),
}


def load(
    folder: Path, name: str, split: str, *, label: str = "label"
) -> tuple[list[str], list[str]]:
    """Return the texts and labels of a split; exit with advice if the file is missing."""
    path = folder / name / f"{split}.jsonl"
    if not path.is_file():
        source = (SOURCES | MORE_SOURCES)[name.partition("/")[0]]
        sys.exit(
            f"{path} is missing. Get {name} from {source} and lay it out as"
            ' DATA/SET/train.jsonl and test.jsonl, one {"text": ..., "label": ...} object per line;'
            " then pass DATA=folder"
        )
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [row["text"] for row in rows], [row[label] for row in rows]


def draw_supports(labels: list[str], n_shot: int, seed: int) -> dict[str, list[int]]:
    """Draw `n_shot` rows of each label: {label: rows}, the same for every method."""
    rng = np.random.default_rng(seed)
    of = np.asarray(labels)
    return {
        str(label): rng.choice(np.flatnonzero(of == label), n_shot, replace=False).tolist()
        for label in np.unique(of)
    }


def load_corpus(folder: Path, name: str, *, max_per_category: int | None = None) -> Corpus:
    """Return all splits of a set as one corpus, with few texts of a category if asked."""
    rows: list[tuple[str, str, str]] = []
    for split in SPLITS[name]:
        pairs = zip(*load(folder, name, split), strict=True)
        rows += [(text, label, f"{name} {split} {i}") for i, (text, label) in enumerate(pairs)]
    if max_per_category is not None:
        seen: dict[str, int] = {}
        order = np.random.default_rng(0).permutation(len(rows))
        rows = [rows[i] for i in order if _count(seen, rows[i][1]) <= max_per_category]
    return prepare_corpus(rows)[0]


def load_fold(folder: Path, corpus: Corpus, name: str, fold: str) -> Splits:
    """Return a published split of a set by category; a missing list ends the program."""
    given = {}
    for part in ("train", "valid", "test"):
        path = folder / name / "folds" / fold / f"classes_{part}.txt"
        if not path.is_file():
            sys.exit(f"{path} is missing (one category per line). Get the lists from {FOLDS}")
        given[part] = path.read_text(encoding="utf-8").split("\n")
        given[part] = [line.strip() for line in given[part] if line.strip()]
    return split_categories(corpus, lists=given)


def without_domains(folder: Path, corpus: Corpus, name: str, domains: tuple[str, ...]) -> Corpus:
    """Return a set without the categories of some of the domains in its domains.json."""
    path = folder / name / "domains.json"
    if not path.is_file():
        sys.exit(f"{path} is missing: {{domain: [categories]}}, from {SOURCES[name]}")
    found = json.loads(path.read_text(encoding="utf-8"))
    dropped = {category for domain in domains for category in found[domain]}
    return corpus.only(category for category in corpus.names if category not in dropped)


def mix(parts: list[tuple[str, Corpus]], *, valid: float, seed: int = 0) -> Splits:
    """Split each domain by category, and join the parts; there is no test part."""
    each = [(name, split_categories(corpus, seed=seed, shares=valid)) for name, corpus in parts]
    train = join([(name, splits.train) for name, splits in each])
    return Splits(train, join([(name, s.valid) for name, s in each]), each[0][1].test)


def save(path: Path, body: object) -> None:
    """Write JSON aside and rename it: there is never half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.aside")
    aside.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    aside.replace(path)


def _count(seen: dict[str, int], label: str) -> int:
    seen[label] = seen.get(label, 0) + 1
    return seen[label]
