"""Classify texts from Python: python examples/library.py."""

from pathlib import Path

from textshot import Engine
from textshot.io.categories import read_categories

HERE = Path(__file__).parent


def main() -> None:
    engine = Engine.build(read_categories(HERE / "support" / "categories.csv"))
    texts = ["the money was taken twice", "my package should have been here on Monday", "hello!"]
    for text, prediction in zip(texts, engine.classify(texts), strict=True):
        decided = prediction.matches[0].key
        print(f"{prediction.label or 'unknown'}: {text} (nearest: the {decided.kind})")


if __name__ == "__main__":
    main()
