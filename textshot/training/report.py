"""What a training run came to, as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from textshot.encoders import Encoder
from textshot.training.config import TrainConfig
from textshot.training.corpus import Splits

if TYPE_CHECKING:
    from textshot.training.checkpoint import Progress
    from textshot.training.loop import Outcome


@dataclass(frozen=True)
class TrainReport:
    """Figures are shares (0 to 1) of held-out texts, all held-out categories at once.

    Attributes:
        kept: whether an encoder was written: `gain` is more than one `standard_error`, and no
            domain lost more than half a point.
        frozen, tuned: accuracy of the encoder as it was, and of the best that was found.
        gain: their difference, in float32; `standard_error` is taken over the categories.
        refused: why it was not kept; "" if it was.
        alpha: how far that is from the old weights (0) to the trained ones (1).
        tried: accuracy at each share of the way that was tried.
        domains: {domain: (frozen, tuned)}.
        history: (step, accuracy, loss) of each evaluation.
        best_step: where the trained weights are from; `stopped` says why it ended early.
        steps, steps_done, seconds, seconds_per_step: of the run.
        n_train, n_valid: categories; `n_texts`: of training; `categories`: names of the former.
        encoder: source and fingerprint of what it started from; `prompt` put before its texts.
        config: all options.
    """

    kept: bool
    frozen: float
    tuned: float
    gain: float
    standard_error: float
    refused: str
    alpha: float | None
    tried: dict[float, float]
    domains: dict[str, tuple[float, float]]
    history: tuple[tuple[int, float, float], ...]
    best_step: int
    stopped: str
    steps: int
    steps_done: int
    seconds: float
    seconds_per_step: float
    n_train: int
    n_valid: int
    n_texts: int
    categories: tuple[str, ...]
    encoder: str
    fingerprint: str
    prompt: str
    config: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain objects, ready for JSON."""
        return asdict(self)

    @property
    def _examples(self) -> str:
        n_shot = max(1, int(self.config["n_shot"]))
        return "one example" if n_shot == 1 else f"{n_shot} examples"

    def lines(self) -> list[str]:
        """Return the result for people."""
        found = [
            f"held-out categories ({self.n_valid}, the name and {self._examples} of each):"
            f" frozen {100 * self.frozen:.1f} %, trained {100 * self.tuned:.1f} %"
            f" (gain {100 * self.gain:+.1f}, standard error {100 * self.standard_error:.1f})"
        ]
        if len(self.domains) > 1:
            found += [
                f"  {name}: frozen {100 * a:.1f} %, trained {100 * b:.1f} %"
                for name, (a, b) in self.domains.items()
            ]
        if self.stopped:
            found.append(f"stopped at step {self.steps_done} of {self.steps}: {self.stopped}")
        return found


def make_report(
    encoder: Encoder,
    splits: Splits,
    config: TrainConfig,
    progress: Progress,
    outcome: Outcome,
    seconds: float,
) -> TrainReport:
    """Put together what a run came to."""
    best = outcome.frozen if outcome.alpha is None else outcome.tried[outcome.alpha]
    names = [splits.valid.domain_names[d] for d in sorted(set(splits.valid.domains.tolist()))]
    both = zip(outcome.frozen.by_domain.tolist(), best.by_domain.tolist(), strict=True)
    prompt = encoder.spec.get("prompt")
    return TrainReport(
        kept=outcome.kept,
        frozen=outcome.frozen.accuracy,
        tuned=best.accuracy,
        gain=outcome.gain,
        standard_error=outcome.standard_error,
        refused=outcome.refused,
        alpha=outcome.alpha,
        tried={alpha: judged.accuracy for alpha, judged in outcome.tried.items()},
        domains=dict(zip(names, both, strict=True)),
        history=tuple(progress.history),
        best_step=progress.best_step,
        stopped=progress.stopped,
        steps=progress.steps,
        steps_done=progress.step,
        seconds=seconds,
        seconds_per_step=progress.seconds_per_step,
        n_train=len(splits.train.names),
        n_valid=len(splits.valid.names),
        n_texts=len(splits.train),
        categories=splits.train.names,
        encoder=encoder.source,
        fingerprint=encoder.fingerprint,
        prompt=str(prompt or ""),
        config=config.to_dict(),
    )
