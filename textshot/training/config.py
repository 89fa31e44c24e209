"""What a training run is made of. No torch here: the command line reads the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from textshot.errors import InvalidTextsError
from textshot.networks import NETWORKS, Network, make_network
from textshot.networks.base import Setting
from textshot.training.augmentation import AUGMENTATIONS

ALPHAS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the way from the starting weights to the trained ones that are tried by default."""

LEAST_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train; the defaults are what docs/benchmarks.md measures.

    Attributes:
        network: one of matching, prototypical, siamese, memory, linear.
        settings: of that network, such as {"context": "attention"}.
        steps: how many at most.
        minutes: for all of it, reading and judging too; what fits is found out once, after a
            measured start, and kept with the checkpoint. None: all steps, however long.
        n_way: categories of an episode; fewer where there are fewer.
        n_shot, n_query: texts of each category: examples, and to be recognised.
        leave_one_out: every text of an episode is a query once, the others its support.
        hard: share of the ways that are near each other.
        layers: transformer layers that learn, from the top; "all"; or "projector".
        optimizer: "adamw" or "sgd" (momentum 0.9).
        lr: of the encoder, at its highest; `lr_network` of the network's own numbers. Slow: ten
            times as fast, the weight of names ran off after the training categories' own and cost
            1.3 points on the held-out ones.
        weight_decay: of the encoder; `clip`: largest norm of its gradient.
        warmup: share of the steps in which the rate rises; it falls as a cosine after it.
        dropout: None keeps the encoder's own.
        augment: kinds of `textshot.training.augmentation` by which a query may be changed.
        keep_weight: of the loss that holds the vectors of other texts in place, where there are
            any (`train_splits`): what is learned then costs texts of quite another kind less.
        precision: "bf16", "fp32", or "auto": bf16 where the CPU has it.
        eval_every: steps between two evaluations on the held-out categories.
        patience: evaluations without a better one after which it stops.
        draws: supports drawn in an evaluation; `n_eval`: texts used of each held-out category.
        guard: whether the held-out categories decide what is kept. Without it the largest of
            `alphas` is, whatever it does to them: for who judges it by other sets.
        alphas: shares of the way from the starting weights to the trained ones that are tried.
        seed: of everything.
    """

    network: str = "matching"
    settings: Mapping[str, Setting] = field(default_factory=dict)
    steps: int = 250
    minutes: float | None = None
    n_way: int = 48
    n_shot: int = 1
    n_query: int = 1
    leave_one_out: bool = True
    hard: float = 0.0
    layers: int | Literal["all", "projector"] = 2
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = 5e-5
    lr_network: float = 1e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: float = 0.1
    dropout: float | None = None
    augment: tuple[str, ...] = ()
    keep_weight: float = 3.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    eval_every: int = 50
    patience: int = 6
    draws: int = 20
    n_eval: int = 60
    guard: bool = True
    alphas: tuple[float, ...] = ALPHAS
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.make_network()
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidTextsError(f"{name} is {value}; it has to be in {low} to {high}")
        self._check_choices()
        if self.leave_one_out and self.n_shot + self.n_query < 2:
            raise InvalidTextsError(
                f"n_shot {self.n_shot} and n_query {self.n_query}: leaving one out needs two texts"
                " of a category at least"
            )

    def _check_choices(self) -> None:
        if self.layers not in ("all", "projector") and not isinstance(self.layers, int):
            raise InvalidTextsError(f"layers is {self.layers!r}; a number, all or projector")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidTextsError(
                    f"{name} is {getattr(self, name)!r}; choose {', '.join(choices)}"
                )
        if not _are_shares(self.alphas):
            raise InvalidTextsError(f"alphas is {self.alphas!r}; shares above 0, 1 at most")
        for kind in self.augment:
            if kind not in AUGMENTATIONS:
                raise InvalidTextsError(f"augment {kind!r}; choose {', '.join(AUGMENTATIONS)}")

    @property
    def texts_needed(self) -> int:
        """How many texts a category needs to be in an episode, and in a judgement."""
        return max(2, self.n_shot + self.n_query)

    def make_network(self) -> Network:
        """Return the network that is to learn, before it has."""
        if self.network not in NETWORKS:
            raise InvalidTextsError(
                f"network {self.network!r} is not known; choose {', '.join(NETWORKS)}"
            )
        return make_network(self.network, **self.settings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain objects, ready for JSON."""
        lists = {"augment": list(self.augment), "alphas": list(self.alphas)}
        return {**asdict(self), "settings": dict(self.settings), **lists}


def _are_shares(values: object) -> bool:
    if not isinstance(values, tuple | list) or not values:
        return False
    return all(isinstance(value, int | float) and 0 < value <= 1 for value in values)


_CHOICES = {"optimizer": ("adamw", "sgd"), "precision": ("auto", "bf16", "fp32")}
_RANGES: Mapping[str, tuple[float, float]] = {
    "steps": (LEAST_STEPS, 1_000_000),
    "minutes": (0.1, 10_000),
    "n_way": (2, 100_000),
    "n_shot": (0, 1000),
    "n_query": (1, 1000),
    "hard": (0.0, 1.0),
    "lr": (0.0, 1.0),
    "lr_network": (0.0, 1.0),
    "weight_decay": (0.0, 10.0),
    "clip": (1e-6, 1e6),
    "warmup": (0.0, 1.0),
    "dropout": (0.0, 0.9),
    "keep_weight": (0.0, 1000.0),
    "eval_every": (1, 1_000_000),
    "patience": (1, 1_000_000),
    "draws": (2, 10_000),
    "n_eval": (2, 1_000_000),
}
