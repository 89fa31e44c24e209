"""The one loop: encoder, episodes, network. Held-out categories decide what is kept of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from textshot.errors import TrainingError
from textshot.networks import Network
from textshot.training import checkpoint
from textshot.training.checkpoint import Progress, copy_of, put_back
from textshot.training.config import LEAST_STEPS, TrainConfig
from textshot.training.data import Material
from textshot.training.split_encoder import Tower
from textshot.training.step import Step
from textshot.training.validation import Judgement, best_share, judge

_CHECKPOINT_SECONDS = 15.0
_MEASURED = 4  # steps that are timed before the first one
_FAR = 1 << 40  # episodes that are only timed: no step is ever called so
_SAVING_SECONDS = 3.0
_A_DOMAIN_LOSES = "a domain loses more than half a point"

Say = Callable[[str], None]
Advance = Callable[[int, float | None], None]


@dataclass
class Outcome:
    """What a run came to: judgements at each share of the way, and the one that was chosen."""

    frozen: Judgement
    tried: dict[float, Judgement] = field(default_factory=dict)
    alpha: float | None = None
    gain: float = 0.0
    standard_error: float = 0.0
    refused: str = "no state of the training was good enough to be judged"

    @property
    def kept(self) -> bool:
        """Whether it is better than the plain encoder, as the guard asks."""
        return not self.refused

    def guard(self, final: Judgement) -> None:
        """Say why the chosen weights are refused: the gain, or a domain that loses; or nothing."""
        self.gain = final.gain(self.frozen)
        self.standard_error = final.standard_error(self.frozen)
        self.refused = ""
        if not final.loses_nowhere(self.frozen):
            self.refused = _A_DOMAIN_LOSES
        elif not self.gain > self.standard_error:
            self.refused = "the gain is not more than one standard error"


class Run:
    """A training run that can be stopped at any moment and gone on with.

    Args:
        tower: the encoder, all texts remembered.
        network: what learns with it.
        material: training and held-out texts.
        config: how.
        folder: where the checkpoint is kept.
        identity: of the texts, the encoder and the options; a checkpoint of another is refused.
        begun: `time.monotonic()` when the user's minutes began to count.
        say: takes a line for people; `advance` the steps done and the share of all.
    """

    def __init__(
        self,
        tower: Tower,
        network: Network,
        material: Material,
        config: TrainConfig,
        folder: Path,
        *,
        identity: str,
        begun: float,
        say: Say,
        advance: Advance,
    ) -> None:
        self._tower, self._network, self._material, self._config = tower, network, material, config
        self._folder, self._say, self._advance = folder, say, advance
        self._step = Step(tower, network, material.train, config, material.kept)
        self._start = copy_of(self._step)
        clock = time.monotonic()
        self.frozen = self._judge(None)
        judging = time.monotonic() - clock
        found = checkpoint.read(folder, self._step, identity)
        if found is None:
            self._best = self._start
            self.progress = Progress(identity, *self._plan(begun, judging))
            self._write()
        else:
            self.progress, self._best = found
            say(f"going on at step {self.progress.step} of {self.progress.steps}")

    def learn(self) -> None:
        """Do the steps that are left."""
        progress, written = self.progress, time.monotonic()
        self._advance(progress.step, progress.step / progress.steps)
        begun = time.monotonic() - progress.seconds
        while progress.step < progress.steps and not progress.stopped:
            loss = self._step(progress.step, progress.steps)
            progress.seconds = time.monotonic() - begun
            if not math.isfinite(loss):
                self._not_finite(loss)
                break
            progress.step += 1
            progress.losses.append(loss)
            self._advance(1, progress.step / progress.steps)
            if progress.step % self._config.eval_every == 0 or progress.step == progress.steps:
                self._evaluate()
            elif time.monotonic() - written < _CHECKPOINT_SECONDS:
                continue
            self._write()
            written = time.monotonic()
        self._write()

    def choose(self) -> Outcome:
        """Try shares of the way to the best weights; leave the best ones, or the old, in place."""
        self._go(0.0)
        outcome = Outcome(self._judge(None, exact=True))
        if not self.progress.best_step:
            return outcome
        for alpha in self._config.alphas:
            self._go(alpha)
            outcome.tried[alpha] = self._judge(self.network())
        # What is tried in bfloat16 is compared in bfloat16, and kept by float32.
        alphas = self._config.alphas
        guard = self._config.guard
        outcome.alpha = best_share(self.frozen, outcome.tried, alphas) if guard else max(alphas)
        self._go(outcome.alpha or 0.0)
        if outcome.alpha is None:
            outcome.refused = _A_DOMAIN_LOSES
            return outcome
        final = self._judge(self.network(), exact=True)
        outcome.tried[outcome.alpha] = final
        outcome.guard(final)
        if not guard:
            outcome.refused = ""
        return outcome

    def network(self) -> Network:
        """Return the network with the numbers as they are now."""
        return self._network.with_parameters(self._step.parameters())

    def _go(self, alpha: float) -> None:
        """Set weights on the way from the start to the best (Wortsman et al. 2021, WiSE-FT)."""
        put_back(
            self._step,
            {n: w + alpha * (self._best[n] - w) for n, w in self._start.items()},
        )

    def _evaluate(self) -> None:
        progress = self.progress
        if not self._step.finite:
            self._not_finite(math.nan)
            return
        judged = self._judge(self.network())
        loss = sum(progress.losses) / len(progress.losses)
        progress.losses = []
        progress.history.append((progress.step, judged.accuracy, loss))
        if judged.merit > progress.best_merit:
            progress.best_step, progress.best_merit = progress.step, judged.merit
            self._best = copy_of(self._step)
        self._say(
            f"step {progress.step} of {progress.steps}: loss {loss:.3f}, held-out categories"
            f" {100 * judged.accuracy:.1f} % (frozen {100 * self.frozen.accuracy:.1f} %)"
        )
        since = sum(1 for step, _, _ in progress.history if step > progress.best_step)
        if since >= self._config.patience and progress.step < progress.steps:
            progress.stopped = f"{since} evaluations without a better one"

    def _not_finite(self, loss: float) -> None:
        """Stop; the weights were not moved, but what made them is out of hand."""
        progress = self.progress
        progress.stopped = (
            f"the loss of step {progress.step} is {loss}; a lower rate may help (lr is"
            f" {self._config.lr})"
        )
        progress.losses = []

    def _judge(self, network: Network | None, *, exact: bool = False) -> Judgement:
        """Judge the weights as they are, in float32 if `exact`, else as the steps compute.

        Without a network it is the plain encoder: what a user has who does not train.
        """
        config = self._config
        with nullcontext() if exact else self._step.half():
            return judge(
                self._tower,
                network,
                self._material.valid,
                n_shot=max(1, config.n_shot),
                draws=config.draws,
                seed=config.seed,
            )

    def _plan(self, begun: float, judging: float) -> tuple[int, int, float, float]:
        """Return steps, step 0, 0 seconds and the measured seconds of a step, for `Progress`."""
        config = self._config
        clock = time.monotonic()
        for i in range(_MEASURED):
            self._step.gradients(_FAR + i)
            self._step.optimizer.zero_grad(set_to_none=True)
            if i == 0:
                clock = time.monotonic()  # the first one is slower than all others
        each = (time.monotonic() - clock) / (_MEASURED - 1)
        if config.minutes is None:
            return config.steps, 0, 0.0, each
        finishing = (len(self._config.alphas) + 4) * judging + _SAVING_SECONDS
        left = 60 * config.minutes - (time.monotonic() - begun) - finishing
        steps = int(left / (each + judging / config.eval_every))
        if steps < LEAST_STEPS:
            least = LEAST_STEPS * (each + judging / config.eval_every)
            needed = (60 * config.minutes - left + least) / 60
            raise TrainingError(
                f"{config.minutes:g} minutes are too short: a step takes {each:.2f} s, and reading"
                f" and judging the texts {finishing + time.monotonic() - begun:.0f} s. Give"
                f" {math.ceil(needed + 0.5)} minutes at least, or fewer texts"
            )
        return min(steps, config.steps), 0, 0.0, each

    def _write(self) -> None:
        checkpoint.write(self._folder, self._step, self.progress, self._best)
