"""The cells of the benchmark of learning: what each of them measures. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GROUPS = ("folds", "cost", "networks", "cross", "ablation", "setfit")
"""In the order in which they run; the cells of setfit are those of benchmarks/setfit.py."""

SETS = ("banking77", "hwu64", "clinc150")
FOLDS = ("01", "02", "03", "04", "05")
MAX_TEXTS = 200
"""Of a category in a mixture, so that the largest domain does not fill the memory."""

Changes = Mapping[str, Any] | None
"""To the default; None: a setting that textshot no longer has, whose stored cells are shown."""

NETWORKS: Mapping[str, Changes] = {
    "prototypical": {"network": "prototypical"},
    "siamese-contrastive": {"network": "siamese", "settings": {"loss_kind": "contrastive"}},
    "siamese-triplet": {"network": "siamese", "settings": {"loss_kind": "triplet"}},
    "memory": {"network": "memory"},
    "linear": {"network": "linear"},
    "context-attention": {"settings": {"context": "attention"}},
    "context-lstm": {"settings": {"context": "lstm"}},
    "readout-context": None,
    "keys-several": None,
}
"""Changes to the default, a matching network, whose own cells are folds-SET-01."""

ABLATED = ("hwu64", "clinc150")
ABLATION: Mapping[str, Changes] = {
    "ways-5": {"n_way": 5},
    "ways-16": {"n_way": 16},
    "ways-all": {"n_way": 1000},
    "scale-fixed": {"lr_network": 0.0},
    "layers-1": {"layers": 1},
    "layers-3": {"layers": 3},
    "layers-projector": {"layers": "projector"},
    "augment-typos": None,
    "augment-drop": None,
    "augment-swap": None,
    "augment-case": None,
    "dropout-0": {"dropout": 0.0},
    "dropout-0.3": {"dropout": 0.3},
    "precision-fp32": {"precision": "fp32"},
}
SAME_AS_DEFAULT = {("hwu64", "ways-16"), ("hwu64", "ways-all")}
"""Fold 01 of hwu64 has 16 categories to train on: the default's 48 ways are 16 there."""
ONE_SET = {
    ("clinc150", label)
    for label in ABLATION
    if label.startswith(("augment", "dropout", "precision", "ways-all"))
}
"""Not run: a minute or two each on hwu64, five on clinc150."""

COST_TEXTS = (1000, 2000, 4000, 8000)
COST_ROWS = (10_000, 20_000, 40_000, 80_000)


@dataclass(frozen=True)
class Mixture:
    """What an encoder is trained on, and the sets it is then measured on."""

    domains: tuple[str, ...]
    targets: tuple[str, ...]
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_MONEY = {"clinc150": ("banking", "credit_cards")}
MIXTURES: Mapping[str, Mixture] = {
    # clinc150's banking and credit-card categories overlap banking77.
    "banking77": Mixture(("hwu64", "clinc150", "fewrel_val"), ("banking77",), _MONEY),
    # massive_intent_en shares its origin with hwu64.
    "hwu64": Mixture(("banking77", "clinc150", "fewrel_val"), ("hwu64", "massive_intent_en")),
    "clinc150": Mixture(("hwu64", "fewrel_val"), ("clinc150",)),
    "others": Mixture(
        ("banking77", "hwu64", "clinc150", "fewrel_val"),
        ("trec", "trec-fine", "ag_news", "20newsgroups", "sib200-eng"),
    ),
}
TARGETS: Mapping[str, tuple[str, str]] = {
    "trec-fine": ("trec", "label_fine"),
    "sib200-eng": ("sib200/eng_Latn", "label"),
}
"""The folder and the label's field, where these are not the name and "label"."""


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Attributes:
        name: of its file.
        group: one of GROUPS.
        about: the set, the mixture, or what is timed.
        fold: where a set is split.
        size: texts to train on, where that is what is timed.
        changes: to the default `TrainConfig`.
    """

    name: str
    group: str
    about: str
    fold: str = ""
    size: int = 0
    changes: Mapping[str, Any] = field(default_factory=dict)


def all_cells() -> dict[str, Cell]:
    """Return the cells by name, in the order in which they run."""
    return {cell.name: cell for cell in _all()}


def missing(cells: Mapping[str, Cell], groups: tuple[str, ...], folder: Path) -> list[Cell]:
    """Return the cells of some groups that have no file yet."""
    wanted = [cell for cell in cells.values() if cell.group in groups]
    return [cell for cell in wanted if not (folder / f"{cell.name}.json").exists()]


def _all() -> Iterator[Cell]:
    for name in SETS:
        yield from (Cell(f"folds-{name}-{fold}", "folds", name, fold) for fold in FOLDS)
    for size in COST_TEXTS:
        yield Cell(f"cost-texts-{size}", "cost", "texts", size=size, changes={"steps": 20})
    yield Cell("cost-preparation", "cost", "preparation")
    for name in SETS:
        yield from _changed("networks", name, NETWORKS)
    for name in MIXTURES:
        yield Cell(f"cross-{name}", "cross", name)
    for name in ABLATED:
        yield from _changed("ablation", name, ABLATION)


def _changed(group: str, name: str, all_changes: Mapping[str, Changes]) -> Iterator[Cell]:
    for label, changes in all_changes.items():
        if changes is not None and (name, label) not in SAME_AS_DEFAULT | ONE_SET:
            yield Cell(f"{group}-{name}-{label}", group, name, "01", changes=changes)
