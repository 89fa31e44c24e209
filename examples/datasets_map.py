"""Add a column of answers to a Hugging Face dataset: python examples/datasets_map.py.

Needs datasets: pip install datasets.
"""

from collections import Counter
from pathlib import Path

from datasets import Dataset

from textshot import Engine

HERE = Path(__file__).parent


def main() -> None:
    engine = Engine.load(HERE.parent / "indexes" / "support")

    def add_labels(batch: dict[str, list[str]]) -> dict[str, list[object]]:
        answers = engine.classify(batch["text"])
        return {"label": [a.label for a in answers], "score": [a.score for a in answers]}

    inbox = Dataset.from_csv(str(HERE / "support" / "inbox.csv"), keep_in_memory=True)
    # One process, because the encoder uses all cores. The default fingerprint would hash the
    # pickled function; this one names the index and the encoder, so that the cache is right.
    name = f"support-{engine.index.generation}-{engine.encoder.fingerprint}"
    sorted_ = inbox.map(
        add_labels, batched=True, batch_size=1000, new_fingerprint=name.replace(".", "-")[:64]
    )
    counts = Counter(label or "unknown" for label in sorted_["label"])
    for label, n in counts.most_common(3):
        print(f"{label}: {n} of {len(sorted_)}")


if __name__ == "__main__":
    main()
