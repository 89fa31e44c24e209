"""Train the adapter that comes with textshot, and others without a set and its related sets.

Each adapter is a file, and an existing file is not trained again: run the same command again to
resume. `python -m benchmarks.accuracy --adapters FOLDER` then measures them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from benchmarks.adapter.recipe import ADAPTERS, CONFIG, SHIPPED, kept_texts, splits_of

PLACE = Path("textshot/encoders/adapters") / f"{SHIPPED}.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--work", type=Path, default=Path("build/adapter"))
    parser.add_argument("--only", nargs="+", default=list(ADAPTERS), choices=ADAPTERS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        for name in options.only:
            adapter = options.work / f"{name}.safetensors"
            if not adapter.exists():
                train(name, options.data, adapter)
            if name == SHIPPED:
                shutil.copyfile(adapter, PLACE)
    except KeyboardInterrupt:
        sys.exit("stopped; run the same command again to resume")


def train(name: str, data: Path, adapter: Path) -> None:
    """Train one, and write its difference to the encoder as it came."""
    from textshot import load_encoder
    from textshot.encoders.adapter import write_adapter
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
    from textshot.training import TrainCallbacks, train_splits

    encoder = load_encoder(adapter=None, long_texts="cut", device="cpu")
    if not isinstance(encoder, SentenceTransformerEncoder):
        sys.exit(f"the encoder {encoder.name} has no weights that an adapter could change")
    splits, folder = splits_of(data, ADAPTERS[name]), adapter.with_suffix("")
    begun = time.monotonic()
    report = train_splits(
        encoder,
        splits,
        CONFIG,
        output=folder,
        keep=kept_texts(data, ADAPTERS[name]),
        overwrite=True,
        callbacks=TrainCallbacks(on_message=lambda line: print(f"  {line}", flush=True)),
    )
    if not report.kept:
        sys.exit(f"{name}: nothing was learned: {report.refused}")
    size = write_adapter(adapter, encoder.folder, folder)
    print(f"{name}: {size / 1e6:.1f} MB, {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
