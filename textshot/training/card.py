"""The folder of a trained encoder: an ordinary sentence-transformers one, and how it was made."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textshot._version import __version__
from textshot.encoders.hub import quiet_libraries
from textshot.errors import TrainingError
from textshot.networks import Network
from textshot.networks.store import SETTINGS_FILE, save_network
from textshot.training.report import TrainReport

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Refuse a place where the encoder cannot be written, before hours are spent."""
    if folder.exists():
        ours = (folder / SETTINGS_FILE).is_file()
        if not ours:
            raise TrainingError(
                f"{folder} is there already and is no encoder that textshot trained. Choose"
                " another place"
            )
        if not overwrite:
            raise TrainingError(
                f"there is a trained encoder at {folder} already. Say --overwrite to replace it,"
                " or choose another place"
            )
    elif not folder.parent.is_dir():
        try:
            folder.parent.mkdir(parents=True)
        except OSError as error:
            raise TrainingError(f"cannot make {folder.parent}: {error.strerror}") from error
    if not os.access(folder.parent, os.W_OK):
        raise TrainingError(f"{folder.parent} cannot be written to. Choose another place")


def work_folder(folder: Path) -> Path:
    """Return where an unfinished run keeps its state: beside what it will write."""
    return folder.with_name(f".{folder.name}.training")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second training away from the same output."""
    from filelock import FileLock, Timeout

    path = folder.with_name(f".{folder.name}.lock")
    try:
        with FileLock(path, timeout=0):
            try:
                yield
            finally:
                with suppress(OSError):  # Windows keeps the name of an open file
                    path.unlink()
    except Timeout:
        raise TrainingError(
            f"another training is about to write {folder}. Wait for it, or choose another place"
        ) from None


def clear(work: Path) -> None:
    """Delete the state of a run."""
    if work.exists():
        shutil.rmtree(work)


def put_encoder(
    folder: Path,
    model: SentenceTransformer,
    network: Network,
    report: TrainReport,
    *,
    overwrite: bool,
) -> None:
    """Write the folder aside and put it in place with one rename."""
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        with quiet_libraries():
            model.save(str(aside), create_model_card=False)
        save_network(aside, network, {"made_with": f"textshot {__version__}", **report.to_dict()})
        (aside / "README.md").write_text(card(folder.name, network, report), encoding="utf-8")
        if overwrite and folder.exists():
            # A folder cannot be renamed over another one; both names stay whole on the way.
            old = folder.with_name(f".{folder.name}.old-{secrets.token_hex(4)}")
            folder.rename(old)
            aside.rename(folder)
            shutil.rmtree(old)
        else:
            aside.rename(folder)
    except OSError as error:
        raise TrainingError(
            f"cannot write {folder}: {error.strerror or error}. The run is kept; the same command"
            " tries again"
        ) from error
    finally:
        if aside.exists():
            shutil.rmtree(aside)


def card(name: str, network: Network, report: TrainReport) -> str:
    """Return the model card."""
    config = report.config
    rows = "\n".join(
        f"| {domain or 'all'} | {100 * before:.1f} | {100 * after:.1f} |"
        for domain, (before, after) in report.domains.items()
    )
    prompt = f' --prompt "{report.prompt}"' if report.prompt else ""
    n_shot = max(1, int(config["n_shot"]))
    shots = "one example" if n_shot == 1 else f"{n_shot} examples"
    settings = ", ".join(f"{k} {v}" for k, v in network.settings.items()) or "none"
    return f"""---
library_name: sentence-transformers
tags: [textshot, few-shot, text-classification]
---
# {name}

A sentence encoder fine-tuned by textshot {__version__} so that {shots} of a new category
will do. It loads like any sentence-transformers model; textshot also reads `{SETTINGS_FILE}`.

    textshot index categories.csv -o my-index --encoder {name}{prompt}

## How it was made

- from {report.encoder} (fingerprint {report.fingerprint})
- {report.n_texts} texts of {report.n_train} categories; {report.n_valid} other categories held out
- network {network.name} (settings: {settings}), {config["n_way"]} ways, {config["n_shot"]} shots
- layers that learned: {config["layers"]}; {config["optimizer"]}, learning rate {config["lr"]},
  {report.best_step} of {report.steps} steps, seed {config["seed"]}
- {100 * (report.alpha or 0):.0f} % of the way from the old weights to the trained ones

## What it does

Accuracy in % on the held-out categories, all of a domain at once, {shots} and the name of
each, mean over {config["draws"]} draws. Gain {100 * report.gain:.1f}, standard error over the
categories {100 * report.standard_error:.1f}. These categories also chose the share of the way, so
expect a little less on others; texts of quite another kind were not looked at.

| domain | frozen | trained |
|---|---|---|
{rows}
"""
