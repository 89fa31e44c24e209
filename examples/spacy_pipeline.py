"""Categorise documents and sentences in a spaCy pipeline: python examples/spacy_pipeline.py.

Needs the extra spacy: pip install 'textshot-classifier[spacy]'.
"""

from pathlib import Path

import spacy

INDEX = Path(__file__).parent.parent / "indexes" / "support"
MAIL = "My parcel is a week late. And please send me an invoice for the order."


def main() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("textshot", config={"index": str(INDEX), "scope": "sentences"})
    for doc in nlp.pipe([MAIL]):
        for sentence in doc.sents:
            print(f"{sentence._.textshot.label}: {sentence.text}")
        best = max(doc.cats, key=doc.cats.get)
        print(f"of {len(doc.cats)} scores the highest is that of {best}")


if __name__ == "__main__":
    main()
