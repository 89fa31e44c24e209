"""One cell of the FastFit comparison, run by the python of FastFit's own environment.

    PEER/bin/python benchmarks/peers/fastfit_cell.py job.json answer.json

The job is {"model": folder, "supports": [[text, label], ...], "tests": [text, ...], "seed": 0},
with labels as people write them, since FastFit reads them. The answer holds a label for each test,
the seconds spent, the versions and the number of optimiser steps taken. Nothing of textshot is
imported.
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
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
}
os.environ.update(QUIET)  # before anything of Hugging Face is imported

PACKAGES = ("fast-fit", "transformers", "datasets", "torch")
# Those of FastFit's own page, but for half precision, which takes a GPU.
SETTINGS = {
    "num_train_epochs": 40,
    "per_device_train_batch_size": 32,
    "per_device_eval_batch_size": 64,
    "max_text_length": 128,
    "dataloader_drop_last": False,
    "num_repeats": 4,
    "optim": "adafactor",
    "clf_loss_factor": 0.1,
    "report_to": "none",
    "disable_tqdm": True,
}


def answer(job: dict) -> dict:
    import numpy as np
    import torch
    from datasets import Dataset
    from fastfit import FastFitTrainer, train

    train.load_metric = lambda *_, **__: None  # its accuracy is a script on the hub
    texts, labels = zip(*job["supports"], strict=True)
    supports = Dataset.from_dict({"text": list(texts), "label": list(labels)})
    truths = [labels[0]] * len(job["tests"])  # asked for, and not looked at
    tests = Dataset.from_dict({"text": job["tests"], "label": truths})
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trainer = FastFitTrainer(
            model_name_or_path=job["model"],
            label_column_name="label",
            text_column_name="text",
            train_dataset=supports,
            test_dataset=tests,
            seed=job["seed"],
            output_dir=folder,
            save_strategy="no",
            **SETTINGS,
        )
        trainer.train()
        trained = time.monotonic()
        trainer.trainer.compute_metrics = None
        scores = trainer.trainer.predict(trainer.predict_dataset).predictions
    scores = scores[0] if isinstance(scores, tuple) else scores
    return {
        "answers": [trainer.labels[i] for i in np.argmax(scores, axis=1)],
        "train_seconds": round(trained - begun, 1),
        "predict_seconds": round(time.monotonic() - trained, 1),
        "steps": trainer.trainer.state.global_step,
        "threads": torch.get_num_threads(),
        "versions": {"python": sys.version.split()[0]} | {p: version(p) for p in PACKAGES},
    }


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(answer(job)), encoding="utf-8")


if __name__ == "__main__":
    main()
