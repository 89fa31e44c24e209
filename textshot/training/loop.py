"""The training loop: steps, validation on held-out categories, checkpoints, final weights."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from textshot.networks import Network
from textshot.training import checkpoint
from textshot.training.budget import Measured, TooShortError, fitted
from textshot.training.checkpoint import Progress, copy_weights, set_weights
from textshot.training.config import MIN_STEPS, TrainCallbacks, TrainConfig
from textshot.training.data import TrainingData
from textshot.training.split_encoder import SplitEncoder
from textshot.training.step import Step
from textshot.training.validation import Validation, best_coefficient, validate

_CHECKPOINT_SECONDS = 15.0
_N_TIMED = 4  # steps that are timed before the first one
_FIRST_TIMED = 1 << 40  # number of the first timed episode; no step has such a number
_N_RECENT = 10  # steps that tell how fast the machine is now
_TOLERANCE = 1.05  # of the minutes
_A_DOMAIN_LOSES = "a domain loses more than half a point"


@dataclass
class Outcome:
    """The validations at each interpolation coefficient, and the one that was chosen."""

    frozen: Validation
    tried: dict[float, Validation] = field(default_factory=dict)
    alpha: float | None = None
    gain: float = 0.0
    standard_error: float = 0.0
    refused: str = "no weights of the training were good enough to be validated"

    @property
    def kept(self) -> bool:
        """Whether the guard accepts the chosen weights."""
        return not self.refused

    def guard(self, final: Validation) -> None:
        """Refuse the chosen weights if the gain is not significant, or if a domain loses."""
        self.gain = final.gain(self.frozen)
        self.standard_error = final.standard_error(self.frozen)
        self.refused = ""
        if not final.no_domain_loses(self.frozen):
            self.refused = _A_DOMAIN_LOSES
        elif not self.gain > self.standard_error:
            self.refused = "the gain is not more than one standard error"


class Run:
    """A training run that can be stopped at any moment and resumed.

    Args:
        encoder: with all texts stored.
        network: the untrained network.
        data: training and held-out texts.
        config: the options; of a run that is resumed, those with which it began.
        folder: where the checkpoint is kept.
        identity: of texts, encoder and options; a checkpoint of another run is refused.
        begun: `time.monotonic()` at the start of `config.minutes`.
        callbacks: functions that report on the run.
    """

    def __init__(
        self,
        encoder: SplitEncoder,
        network: Network,
        data: TrainingData,
        config: TrainConfig,
        folder: Path,
        *,
        identity: str,
        begun: float,
        callbacks: TrainCallbacks,
    ) -> None:
        self._encoder, self._network, self._data, self._config = encoder, network, data, config
        self._folder, self._callbacks = folder, callbacks
        self._step = Step(encoder, network, data.train, config, data.kept)
        self._start = copy_weights(self._step)
        clock = time.monotonic()
        self.frozen = self._validate(None)
        validation_seconds = time.monotonic() - clock
        self._begun, self._step_seconds = begun, list[float]()
        timed = Measured(0.0, 0.0, validation_seconds, self._step.is_bf16)
        resumed = checkpoint.read(folder, self._step, identity)
        if resumed is None:
            self._best = self._start
            steps, seconds = self._plan(begun, validation_seconds)
            self.progress = Progress(
                identity,
                steps,
                seconds_per_step=seconds,
                n_way=self.config.n_way,
                alphas=list(self.config.alphas),
                layers=self.config.layers,
            )
            self._write()
        else:
            self.progress, self._best = resumed
            callbacks.on_message(f"resuming at step {self.progress.step} of {self.progress.steps}")
        self._finishing_seconds = timed.finishing(self.config)

    @property
    def config(self) -> TrainConfig:
        """The options, fitted to `minutes`."""
        return self._config

    def learn(self) -> None:
        """Do the remaining steps."""
        progress, written = self.progress, time.monotonic()
        self._callbacks.on_step(progress.step, progress.step / progress.steps)
        begun = time.monotonic() - progress.seconds
        while progress.step < progress.steps and not progress.stopped:
            clock = time.monotonic()
            loss = self._step(progress.step, progress.steps)
            progress.seconds = time.monotonic() - begun
            self._step_seconds.append(time.monotonic() - clock)
            if not math.isfinite(loss):
                self._stop_not_finite(loss)
                break
            progress.step += 1
            progress.losses.append(loss)
            self._callbacks.on_step(1, progress.step / progress.steps)
            if self._is_late():
                progress.stopped = "the time is up"
                self._evaluate()
            elif progress.step % self._config.eval_every == 0 or progress.step == progress.steps:
                self._evaluate()
            elif time.monotonic() - written < _CHECKPOINT_SECONDS:
                continue
            self._write()
            written = time.monotonic()
        self._write()

    def choose(self) -> Outcome:
        """Try the interpolation coefficients; leave the chosen weights, or the old, in place."""
        self._interpolate(0.0)
        outcome = Outcome(self._validate(None, exact=True))
        if not self.progress.best_step:
            return outcome
        for alpha in self._config.alphas:
            self._interpolate(alpha)
            outcome.tried[alpha] = self._validate(self.network())
        # What is tried in bfloat16 is compared in bfloat16, and kept by float32.
        alphas, guard = self._config.alphas, self._config.guard
        best = best_coefficient(self.frozen, outcome.tried, alphas) if guard else max(alphas)
        outcome.alpha = best
        self._interpolate(best or 0.0)
        if best is None:
            outcome.refused = _A_DOMAIN_LOSES
            return outcome
        final = self._validate(self.network(), exact=True)
        outcome.tried[best] = final
        outcome.guard(final)
        if not guard:
            outcome.refused = ""
        return outcome

    def network(self) -> Network:
        """Return the network with its current parameters."""
        return self._network.with_parameters(self._step.parameters())

    def _interpolate(self, alpha: float) -> None:
        """Set the weights between the old and the best (Wortsman et al. 2021, WiSE-FT)."""
        weights = {n: w + alpha * (self._best[n] - w) for n, w in self._start.items()}
        set_weights(self._step, weights)

    def _evaluate(self) -> None:
        progress = self.progress
        if not self._step.finite:
            self._stop_not_finite(math.nan)
            return
        validation = self._validate(self.network())
        loss = sum(progress.losses) / len(progress.losses)
        progress.losses = []
        progress.history.append((progress.step, validation.accuracy, loss))
        if validation.selection_score > progress.best_score:
            progress.best_step, progress.best_score = progress.step, validation.selection_score
            self._best = copy_weights(self._step)
        self._callbacks.on_message(
            f"step {progress.step} of {progress.steps}: loss {loss:.3f}, held-out categories"
            f" {100 * validation.accuracy:.1f} % (frozen {100 * self.frozen.accuracy:.1f} %)"
        )
        since = sum(1 for step, _, _ in progress.history if step > progress.best_step)
        if since >= self._config.patience and progress.step < progress.steps:
            progress.stopped = f"{since} validations without improvement"

    def _is_late(self) -> bool:
        """Tell whether the rest would take too long: the machine may be slower than it was."""
        minutes, progress = self._config.minutes, self.progress
        if minutes is None or progress.step == progress.steps:
            return False
        recent = self._step_seconds[-_N_RECENT:]
        per_step = sum(recent) / len(recent)
        slowdown = max(1.0, per_step / max(progress.seconds_per_step, 1e-9))
        end = time.monotonic() - self._begun + slowdown * self._finishing_seconds + per_step
        return end > _TOLERANCE * 60 * minutes

    def _stop_not_finite(self, loss: float) -> None:
        """Stop: the last step did not change the weights, but training diverges."""
        progress = self.progress
        progress.stopped = (
            f"the loss of step {progress.step} is {loss}; a lower learning rate may help (lr is"
            f" {self._config.lr})"
        )
        progress.losses = []

    def _validate(self, network: Network | None, *, exact: bool = False) -> Validation:
        """Validate the current weights, in float32 if `exact`, else as the steps compute.

        Without a network it is the plain encoder: what users have who do not train.
        """
        config = self._config
        with nullcontext() if exact else self._step.autocast():
            return validate(
                self._encoder,
                network,
                self._data.valid,
                n_shot=max(1, config.n_shot),
                draws=config.draws,
                seed=config.seed,
            )

    def _plan(self, begun: float, validation_seconds: float) -> tuple[int, float]:
        """Return the number of steps, and the measured seconds of one."""
        config, seconds = self._config, self._time_steps()
        if config.minutes is None:
            return config.steps, seconds
        left = 60 * config.minutes - (time.monotonic() - begun)
        measured = Measured(left, seconds, validation_seconds, self._step.is_bf16)
        fitting, steps = fitted(config, len(self._data.train.corpus.names), measured)
        if steps < MIN_STEPS:
            before = time.monotonic() - begun + measured.finishing(fitting)
            needed = before + measured.seconds_of_steps(fitting)
            raise TooShortError(
                f"{config.minutes:g} minutes are too short: a step takes {seconds:.2f} s, encoding"
                f" and validation {before:.0f} s. Allow at least {math.ceil(needed / 60 + 0.5)}"
                " minutes, or use fewer texts"
            )
        if fitting != config:
            self._callbacks.on_message(
                f"to fit into {config.minutes:g} minutes: {fitting.n_way} ways in place of"
                f" {config.n_way}, {len(fitting.alphas)} of {len(config.alphas)} interpolations"
            )
            self._change(fitting)
        return min(steps, config.steps), seconds

    def _change(self, config: TrainConfig) -> None:
        """Take other options, before the first step."""
        self._config, data = config, self._data
        self._step = Step(self._encoder, self._network, data.train, config, data.kept)

    def _time_steps(self) -> float:
        """Return the seconds of a step, measured without changing the weights."""
        clock = time.monotonic()
        for i in range(_N_TIMED):
            self._step.gradients(_FIRST_TIMED + i)
            self._step.optimizer.zero_grad(set_to_none=True)
            if i == 0:
                clock = time.monotonic()  # the first one is slower than all others
        return (time.monotonic() - clock) / (_N_TIMED - 1)

    def _write(self) -> None:
        checkpoint.write(self._folder, self._step, self.progress, self._best)
