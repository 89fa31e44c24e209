"""A static encoder on disk, as sentence-transformers has it: three files and nothing pickled."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from textshot._arrays import FloatArray
from textshot._files import write_atomic

_MODULES = [
    {
        "idx": 0,
        "name": "0",
        "path": "",
        "type": "sentence_transformers.sentence_transformer.modules.StaticEmbedding",
    }
]


def write_static(output: Path, table: FloatArray, tokenizer: Any) -> None:
    """Write a sentence-transformers folder aside and rename it: it is there whole, or not at all.

    Args:
        output: the folder, which is not there.
        table: float32 (n_tokens, dim), a row for each token.
        tokenizer: one of `tokenizers`.

    Raises:
        OSError: what the system refuses; nothing is left behind.
    """
    from safetensors.numpy import save

    contents = {
        "modules.json": json.dumps(_MODULES, indent=1).encode(),
        "tokenizer.json": tokenizer.to_str().encode(),
        "model.safetensors": save({"embedding.weight": table}),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    aside = output.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        aside.mkdir()
        for name, data in contents.items():
            write_atomic(aside / name, data)
        aside.rename(output)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
