"""Run in the environment of FastFit: predict the texts of each line, a JSON list; answer "done".

It reads the names of its classes anew in each batch: those here are as long as those of banking77.
What it learned makes no difference to what it costs.
"""

import json
import sys
import tempfile
from collections.abc import Callable

from fastfit_cell import SETTINGS

N_CLASSES, MAX_TOKENS = 77, 256


def main() -> None:
    told, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not an answer
    predict = predictor(sys.argv[1])
    for line in sys.stdin:
        predict(json.loads(line))
        print("done", file=told, flush=True)


def predictor(folder: str) -> Callable[[list[str]], object]:
    """Return what FastFit's own page answers with, from a list, after one step of training."""
    from datasets import Dataset
    from fastfit import FastFit, FastFitTrainer, train
    from transformers import pipeline

    train.load_metric = lambda *_, **__: None  # its accuracy is a script on the hub
    names = [f"name of class {i}" for i in range(N_CLASSES)]
    supports = Dataset.from_dict({"text": names, "label": names})
    with tempfile.TemporaryDirectory() as output:
        settings = {**SETTINGS, "max_steps": 1, "save_strategy": "no", "output_dir": output}
        trainer = FastFitTrainer(
            model_name_or_path=folder,
            label_column_name="label",
            text_column_name="text",
            train_dataset=supports,
            test_dataset=supports,
            **settings,
        )
        model = trainer.train()
    # The same weights as what answers: saving it and loading it so fails with this transformers.
    model.__class__ = FastFit
    tokenizer = trainer.tokenizer
    tokenizer.model_input_names = ["input_ids", "attention_mask"]  # what its forward takes
    tokenizer.model_max_length = MAX_TOKENS
    answer = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    size = SETTINGS["per_device_eval_batch_size"]
    return lambda texts: answer(texts, batch_size=size, truncation=True)


if __name__ == "__main__":
    main()
