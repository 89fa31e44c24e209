"""A tiny random BERT that can learn, and texts that it can learn from: a word among noise."""

from __future__ import annotations

import json
import random

DIM = 32
# Letters only: texts that differ in numbers alone count as the same.
TOPICS = [f"t{a}{b}" for a in "bcdfgk" for b in "aeioulmn"]
NOISES = [f"n{a}{b}" for a in "bdf" for b in "aeioulmn"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS += [*TOPICS, *NOISES, "x", "##s"]

POOLING = {
    "word_embedding_dimension": DIM,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False,
}


def write_tiny_model(folder, layers=3, normalize=True):
    """Write a sentence-transformers folder: `layers` layers of DIM numbers, 12 tokens at most."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=DIM,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * DIM,
        max_position_embeddings=40,
        initializer_range=0.1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_modules(folder, normalize)
    return folder


def write_modules(folder, normalize=True):
    """Make a plain transformers folder a sentence-transformers one, with mean pooling."""
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(kinds if normalize else kinds[:2])
    ]
    (folder / "1_Pooling").mkdir()
    for path, content in (
        (folder / "modules.json", modules),
        (folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": False}),
        (folder / "1_Pooling" / "config.json", POOLING),
    ):
        path.write_text(json.dumps(content), encoding="utf-8")


def easy_rows(topics=TOPICS[:32], texts=6, noises=2, seed=0):
    """Return (text, label): one word of the category among others that say nothing."""
    rng = random.Random(seed)
    found = []
    for topic in topics:
        for _ in range(texts):
            words = [topic, *rng.choices(NOISES, k=noises)]
            rng.shuffle(words)
            found.append((" ".join(words), topic))
    return found
