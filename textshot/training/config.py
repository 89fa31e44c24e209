"""The options of a training run. No torch here: the command line reads the defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from textshot.errors import InvalidTextsError
from textshot.networks import Network, make_network
from textshot.networks.base import Setting

ALPHAS = (0.25, 0.5, 0.75, 1.0)
"""Interpolation coefficients between old (0) and trained (1) weights that are tried by default."""

MIN_STEPS = 20

OnMessage = Callable[[str], None]
OnProgress = Callable[[int, float | None], None]
"""Called with the number of texts or steps done since the last call, and the share done in all."""


@dataclass(frozen=True)
class TrainCallbacks:
    """Functions that report on a run.

    Attributes:
        on_message: called with a line of text now and then.
        on_encoding: called with the number of texts encoded since the last call, and their share.
        on_step: called with the number of steps done since the last call, and their share.
    """

    on_message: OnMessage = lambda line: None
    on_encoding: OnProgress = lambda done, share: None
    on_step: OnProgress = lambda done, share: None


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The options of a training run; docs/benchmarks.md measures the defaults.

    Attributes:
        network: one of matching, prototypical, siamese, memory, linear.
        settings: of the network, such as {"context": "attention"}.
        steps: maximum number of steps.
        minutes: time limit for the whole run, encoding and validation included. The number of
            steps that fit is measured once and kept with the checkpoint. None: no limit.
        n_way: categories of an episode; fewer where there are fewer.
        n_shot, n_query: texts of each category in an episode. Each of them is the query once,
            with all the others as examples.
        hard: share of the ways that are near each other.
        layers: number of transformer layers to train, from the top; "all"; or "projector".
        lr: peak learning rate of the encoder; `lr_network` that of the network's parameters. It
            is low: at ten times this rate the weight of names overfitted to the training
            categories and cost 1.3 points on the held-out ones.
        weight_decay: of the encoder; `clip`: maximum norm of its gradient.
        warmup: share of the steps with a rising rate, before it decays as a cosine.
        dropout: None keeps that of the encoder.
        keep_weight: weight of the loss that holds the embeddings of kept texts in place
            (`train_splits`), so that training costs texts of another kind less.
        precision: "bf16", "fp32", or "auto": bf16 where the CPU supports it.
        eval_every: steps between two validations on the held-out categories.
        patience: validations without improvement after which training stops.
        draws: samples of support in a validation; `n_eval`: texts used of each held-out category.
        guard: whether the held-out categories decide what is kept. Without it the result has the
            largest of `alphas`, for callers who validate on other sets.
        alphas: interpolation coefficients between old (0) and trained (1) weights to try.
        seed: of all randomness.
    """

    network: str = "matching"
    settings: Mapping[str, Setting] = field(default_factory=dict)
    steps: int = 250
    minutes: float | None = None
    n_way: int = 48
    n_shot: int = 1
    n_query: int = 1
    hard: float = 0.0
    layers: int | Literal["all", "projector"] = 2
    lr: float = 5e-5
    lr_network: float = 1e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: float = 0.1
    dropout: float | None = None
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
        """Refuse impossible options."""
        self.make_network()
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidTextsError(f"{name} is {value}; it has to be in {low} to {high}")
        if self.n_shot + self.n_query < 2:
            raise InvalidTextsError(
                f"n_shot {self.n_shot} and n_query {self.n_query}: leaving one out needs two texts"
                " of a category at least"
            )
        if self.layers not in ("all", "projector") and not isinstance(self.layers, int):
            raise InvalidTextsError(f"layers is {self.layers!r}; a number, all or projector")
        if self.precision not in _PRECISIONS:
            raise InvalidTextsError(
                f"precision is {self.precision!r}; choose {', '.join(_PRECISIONS)}"
            )
        if not self.alphas or not all(0 < alpha <= 1 for alpha in self.alphas):
            raise InvalidTextsError(
                f"alphas is {self.alphas!r}; numbers above 0, 1 at most, are needed"
            )

    @property
    def texts_needed(self) -> int:
        """How many texts a category needs for an episode and for a validation."""
        return max(2, self.n_shot + self.n_query)

    def make_network(self) -> Network:
        """Return the untrained network."""
        return make_network(self.network, **self.settings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain objects, ready for JSON."""
        return {**asdict(self), "settings": dict(self.settings), "alphas": list(self.alphas)}


_PRECISIONS = ("auto", "bf16", "fp32")
_RANGES: Mapping[str, tuple[float, float]] = {
    "steps": (MIN_STEPS, 1_000_000),
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
