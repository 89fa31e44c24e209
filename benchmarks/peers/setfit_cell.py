"""One cell of the SetFit comparison, run by the python of SetFit's own environment.

    PEER/bin/python benchmarks/peers/setfit_cell.py job.json answer.json

The job is {"model": folder, "supports": [[text, label], ...], "tests": [text, ...],
"max_steps": 366, "seed": 0}. The answer holds a label for each test, the seconds spent, the
versions and the number of optimiser steps that were really taken. Nothing of textshot is imported.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
}
os.environ.update(QUIET)  # before anything of Hugging Face is imported

PACKAGES = ("setfit", "sentence-transformers", "transformers", "torch", "scikit-learn")
BATCH = 16


def train(job: dict, folder: str) -> tuple[object, int]:
    """Return the trained model and the steps taken; what is not named here is SetFit's default."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(job["model"], local_files_only=True, device="cpu")
    texts, labels = zip(*job["supports"], strict=True)
    arguments = TrainingArguments(
        output_dir=folder,
        batch_size=BATCH,
        max_steps=job["max_steps"],
        seed=job["seed"],
        report_to="none",
        save_strategy="no",
        eval_strategy="no",
        show_progress_bar=False,
    )
    supports = Dataset.from_dict({"text": list(texts), "label": list(labels)})
    trainer = Trainer(model=model, args=arguments, train_dataset=supports)
    trainer.train()
    return model, trainer.st_trainer.state.global_step


def answer(job: dict) -> dict:
    import torch

    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model, steps = train(job, folder)
    trained = time.monotonic()
    found = model.predict(job["tests"], show_progress_bar=False)
    done = time.monotonic()
    return {
        "answers": [str(label) for label in found],
        "train_seconds": round(trained - begun, 1),
        "predict_seconds": round(done - trained, 1),
        "steps": steps,
        "threads": torch.get_num_threads(),
        "versions": {"python": sys.version.split()[0]} | {p: version(p) for p in PACKAGES},
    }


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(answer(job)), encoding="utf-8")


if __name__ == "__main__":
    main()
