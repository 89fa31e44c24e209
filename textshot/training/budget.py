"""Fit a run into its minutes: fewer ways, and fewer interpolations to try, where time is short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from textshot.errors import TrainingError
from textshot.training.config import MIN_STEPS, TrainConfig

PROJECTOR: Literal["projector"] = "projector"
"""A linear module behind the frozen encoder: its steps take almost no time."""

_SAVING_SECONDS = 3.0
_WAYS = (32, 16, 8)
_EXACT = 3.0  # times as long as in bf16 takes a validation in float32


class TooShortError(TrainingError):
    """Not even the fewest steps fit into the minutes."""


@dataclass(frozen=True)
class Measured:
    """What a machine needs, in seconds.

    Attributes:
        left: until the end of the budget.
        step: of a step with all ways.
        validation: of a validation.
        is_bf16: whether that was one in bf16; two of the last ones are in float32.
    """

    left: float
    step: float
    validation: float
    is_bf16: bool

    def finishing(self, config: TrainConfig) -> float:
        """Return the seconds after the last step."""
        exact = 2 * (_EXACT - 1) * self.is_bf16
        return (len(config.alphas) + 4 + exact) * self.validation + _SAVING_SECONDS

    def seconds_of_steps(self, config: TrainConfig) -> float:
        """Return the seconds of MIN_STEPS, at the most."""
        return MIN_STEPS * (self.step + self.validation / config.eval_every)

    def steps(self, config: TrainConfig, share: float) -> int:
        """Return how many steps fit that take a share of the time of one with all ways."""
        per_step = share * self.step + self.validation / config.eval_every
        return int((self.left - self.finishing(config)) / per_step)


def fitted(config: TrainConfig, n_categories: int, measured: Measured) -> tuple[TrainConfig, int]:
    """Return the first settings that leave time for MIN_STEPS, and how many steps fit.

    The time of a step goes with the number of its texts, so with the ways. If nothing fits, the
    number of steps is too small.

    Args:
        config: as the user wants it.
        n_categories: of training; an episode cannot have more ways.
        measured: seconds.
    """
    all_ways = min(config.n_way, n_categories)
    found = config, measured.steps(config, 1.0)
    for changed in _smaller(config, all_ways):
        if found[1] >= MIN_STEPS:
            break
        ways = min(changed.n_way, n_categories)
        found = changed, measured.steps(changed, ways / all_ways)
    return found


def _smaller(config: TrainConfig, all_ways: int) -> Iterator[TrainConfig]:
    """Yield settings that take less and less time."""
    middle = config.alphas[(len(config.alphas) - 1) // 2]
    for alphas in (config.alphas, (middle, config.alphas[-1]), (middle,)):
        if len(alphas) <= len(config.alphas):
            for ways in (config.n_way, *(w for w in _WAYS if w < all_ways)):
                yield replace(config, n_way=ways, alphas=tuple(dict.fromkeys(alphas)))
