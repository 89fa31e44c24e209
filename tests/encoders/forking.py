"""Use an engine, fork in each way that people do, and use it there.

The arguments are a model, a backend and a folder for the cache. It prints a line of JSON for each
way: its name, and what the children answered.
"""

import json
import logging
import multiprocessing
import os
import sys
import threading
import warnings
from functools import partial

TEXTS = [f"the parcel number {n} is late, and nobody can tell me where it is" for n in range(64)]


def in_pool(answer):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(answer, range(2))


def in_data_loader(answer):
    from torch.utils.data import DataLoader

    class Answers:
        def __len__(self):
            return 2

        def __getitem__(self, _):
            return answer()

    loader = partial(DataLoader, Answers(), batch_size=None, num_workers=2)
    return list(loader(multiprocessing_context="fork"))


def in_dataset(answer):
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    dataset = Dataset.from_dict({"text": TEXTS})

    def add(batch):
        return {"answer": [answer()] * len(batch["text"])}

    return dataset.map(add, batched=True, batch_size=32, num_proc=2)["answer"][::32]


def in_fork(answer):
    """As a server that loads before it forks, whose workers end as any program does."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, json.dumps(answer()).encode())
        sys.exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return [json.load(file), status]


def in_fork_while_a_thread_encodes(answer):
    engine = answer.args[0]
    is_done = threading.Event()

    def encode():
        for n in range(10_000):
            if is_done.is_set():
                return
            engine.classify([f"{text} {n}" for text in TEXTS])

    thread = threading.Thread(target=encode)
    thread.start()
    try:
        return in_fork(answer)
    finally:
        is_done.set()
        thread.join()


def in_fork_that_uses_nothing(answer):
    child = os.fork()
    if not child:
        del answer
        sys.exit(0)
    return os.waitpid(child, 0)[1]


def labels(engine, _=None):
    return [prediction.label for prediction in engine.classify(TEXTS, threshold=None)][:2]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    from textshot import CachedEncoder, Category, Engine, load_encoder

    model, backend, cache = sys.argv[1:]
    encoder = load_encoder(model, backend=backend, precision="fp32")
    # Nothing is found there: each child has to encode.
    encoder = CachedEncoder(encoder, cache_folder=cache, max_texts=0, max_bytes=0)
    engine = Engine.build([Category("late parcel"), Category("refund")], encoder=encoder)
    answer = partial(labels, engine)
    sys.stdout.write(json.dumps(["parent", answer()]) + "\n")
    sys.stdout.flush()  # or each child that ends as a program does would write it again
    for way in (
        in_pool,
        in_data_loader,
        in_dataset,
        in_fork,
        in_fork_while_a_thread_encodes,
        in_fork_that_uses_nothing,
    ):
        sys.stdout.write(json.dumps([way.__name__, way(answer)]) + "\n")
        sys.stdout.flush()
