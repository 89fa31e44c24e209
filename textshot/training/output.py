"""Write the report, the model card and the folder of a trained encoder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot._files import atomic_folder, lock
from textshot._version import __version__
from textshot.encoders import Encoder
from textshot.encoders.hub import quiet_libraries
from textshot.errors import TrainingError
from textshot.networks import Network, save_network
from textshot.networks.store import SETTINGS_FILE
from textshot.training.config import TrainConfig
from textshot.training.corpus import Splits

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from textshot.training.checkpoint import Progress
    from textshot.training.loop import Outcome


@dataclass(frozen=True, repr=False)
class TrainReport:
    """The result of a run. Accuracies are 0 to 1, on held-out texts, all categories at once.

    Attributes:
        kept: whether an encoder was written: `gain` is more than one `standard_error`, and no
            domain lost more than half a point.
        frozen, tuned: accuracy of the encoder before training, and of the best weights.
        gain: their difference, in float32; `standard_error` is taken over the categories.
        refused: why it was not kept; "" if it was.
        alpha: interpolation coefficient of the best weights: 0 old, 1 trained.
        tried: accuracy at each coefficient.
        domains: {domain: (frozen, tuned)}.
        history: (step, accuracy, loss) of each validation.
        best_step: step of the trained weights; `stopped` says why the run ended early.
        steps, steps_done, seconds, seconds_per_step: of the run.
        n_train, n_valid: numbers of categories; `n_texts`: of training; `categories`: names of
            the training categories.
        encoder: source and fingerprint of the initial encoder; `prompt`: put before each text.
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

    def __repr__(self) -> str:
        """Show what became of it."""
        end = "kept" if self.kept else f"not kept: {self.refused}"
        return "\n  ".join([f"<TrainReport: {end}", *self.lines()]) + ">"

    @property
    def shots(self) -> str:
        """The number of examples per category, in words."""
        n_shot = max(1, int(self.config["n_shot"]))
        return "one example" if n_shot == 1 else f"{n_shot} examples"

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        lines = [
            f"held-out categories ({self.n_valid}, the name and {self.shots} of each):"
            f" frozen {100 * self.frozen:.1f} %, trained {100 * self.tuned:.1f} %"
            f" (gain {100 * self.gain:+.1f}, standard error {100 * self.standard_error:.1f})"
        ]
        if len(self.domains) > 1:
            lines += [
                f"  {name}: frozen {100 * before:.1f} %, trained {100 * after:.1f} %"
                for name, (before, after) in self.domains.items()
            ]
        if self.stopped:
            lines.append(f"stopped at step {self.steps_done} of {self.steps}: {self.stopped}")
        return lines


def make_report(
    encoder: Encoder,
    splits: Splits,
    config: TrainConfig,
    progress: Progress,
    outcome: Outcome,
    seconds: float,
) -> TrainReport:
    """Return the report of a run."""
    best = outcome.frozen if outcome.alpha is None else outcome.tried[outcome.alpha]
    names = [splits.valid.domain_names[d] for d in sorted(set(splits.valid.domains.tolist()))]
    both = zip(outcome.frozen.by_domain.tolist(), best.by_domain.tolist(), strict=True)
    return TrainReport(
        kept=outcome.kept,
        frozen=outcome.frozen.accuracy,
        tuned=best.accuracy,
        gain=outcome.gain,
        standard_error=outcome.standard_error,
        refused=outcome.refused,
        alpha=outcome.alpha,
        tried={alpha: validation.accuracy for alpha, validation in outcome.tried.items()},
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
        encoder=_without_folder(encoder),
        fingerprint=encoder.fingerprint,
        prompt=str(encoder.spec.get("prompt") or ""),
        config=config.to_dict(),
    )


def _without_folder(encoder: Encoder) -> str:
    """Return where an encoder came from, without the folder of its folder: cards are shared."""
    if encoder.folder is None:
        return encoder.source
    return encoder.source.replace(str(encoder.folder), encoder.folder.name)


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Raise TrainingError, before hours are spent, unless the encoder can be written there."""
    if folder.exists():
        if not (folder / SETTINGS_FILE).is_file():
            raise TrainingError(
                f"{folder} exists and is no encoder that textshot trained. Choose another folder"
            )
        if not overwrite:
            raise TrainingError(
                f"{folder} already holds a trained encoder. Use --overwrite to replace it, or"
                " choose another folder"
            )
    elif not folder.parent.is_dir():
        try:
            folder.parent.mkdir(parents=True)
        except OSError as error:
            raise TrainingError(f"cannot make {folder.parent}: {error.strerror}") from error
    if not os.access(folder.parent, os.W_OK):
        raise TrainingError(f"{folder.parent} cannot be written to. Choose another folder")


def work_folder(folder: Path) -> Path:
    """Return the folder of the checkpoint, beside the output."""
    return folder.with_name(f".{folder.name}.training")


def delete_work(folder: Path) -> None:
    """Delete the checkpoint of a run with this output."""
    if work_folder(folder).exists():
        shutil.rmtree(work_folder(folder))


@contextmanager
def output_lock(folder: Path) -> Iterator[None]:
    """Lock an output against a second training; a process that died leaves it free."""
    path = folder.with_name(f".{folder.name}.lock")
    conflict = f"another training is about to write {folder}. Wait for it, or choose another folder"
    with lock(path, conflict=conflict, timeout=0):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows keeps the name of an open file
                path.unlink()


def save_encoder(
    folder: Path,
    model: SentenceTransformer,
    network: Network,
    report: TrainReport,
    *,
    overwrite: bool,
) -> None:
    """Write the folder of the trained encoder atomically."""
    try:
        with atomic_folder(folder, replace=overwrite) as temporary:
            with quiet_libraries():
                model.save(str(temporary), create_model_card=False)
            facts = {"made_with": f"textshot {__version__}", **report.to_dict()}
            save_network(temporary, network, facts)
            card = model_card(folder.name, network, report)
            (temporary / "README.md").write_text(card, encoding="utf-8")
    except OSError as error:
        raise TrainingError(
            f"cannot write {folder}: {error.strerror or error}. The checkpoint is kept; run the"
            " same command to try again"
        ) from error


def model_card(name: str, network: Network, report: TrainReport) -> str:
    """Return the model card in Markdown."""
    config = report.config
    rows = "\n".join(
        f"| {domain or 'all'} | {100 * before:.1f} | {100 * after:.1f} |"
        for domain, (before, after) in report.domains.items()
    )
    prompt = f' --prompt "{report.prompt}"' if report.prompt else ""
    settings = ", ".join(f"{k} {v}" for k, v in network.settings.items()) or "none"
    return f"""---
library_name: sentence-transformers
tags: [textshot, few-shot, text-classification]
---
# {name}

A sentence encoder fine-tuned by textshot {__version__} so that {report.shots} of a new category
will do. It loads like any sentence-transformers model; textshot also reads `{SETTINGS_FILE}`.

    textshot index categories.csv -o my-index --encoder {name}{prompt}

## Training

- initial encoder: {report.encoder} (fingerprint {report.fingerprint})
- {report.n_texts} texts of {report.n_train} categories; {report.n_valid} other categories held out
- network {network.name} (settings: {settings}), {config["n_way"]} ways, {config["n_shot"]} shots
- trained layers: {config["layers"]}; AdamW, learning rate {config["lr"]},
  {report.best_step} of {report.steps} steps, seed {config["seed"]}
- interpolation between the old weights (0) and the trained ones (1): {report.alpha or 0:g}

## Evaluation

Accuracy in % on the held-out categories, all of a domain at once, {report.shots} and the name of
each, mean over {config["draws"]} draws. Gain {100 * report.gain:.1f}, standard error over the
categories {100 * report.standard_error:.1f}. These categories also chose the interpolation
coefficient, so expect a little less on others. Texts of another kind were not evaluated.

| domain | frozen | trained |
|---|---|---|
{rows}
"""
