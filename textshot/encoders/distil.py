"""A static encoder out of another one: each token is encoded once, by model2vec."""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from textshot.arrays import FloatArray
from textshot.encoders.folder import read_modules
from textshot.encoders.identity import pooling_modes
from textshot.encoders.quiet import quiet_libraries
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError
from textshot.whole import write_whole

DIMS = 256
"""Numbers of a vector; with the default encoder 384 are up to a point better (docs/adr/0020)."""

_SIF = 1e-4  # how far frequent tokens count for less
_MODULES = [
    {
        "idx": 0,
        "name": "0",
        "path": "",
        "type": "sentence_transformers.sentence_transformer.modules.StaticEmbedding",
    }
]
_POOLINGS = {"mean": "mean", "cls": "first", "lasttoken": "last"}


def distil(
    encoder: SentenceTransformerEncoder,
    output: Path,
    *,
    dims: int = DIMS,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[int, int]:
    """Write a static encoder made of another one: a folder that `load_encoder` reads.

    Args:
        encoder: the reference, with its layer; its prompt has no part in it.
        output: the folder to write; it is there whole, or not at all.
        dims: numbers of a vector.
        say: told what is done.

    Returns:
        The number of tokens, and of the numbers of a vector.

    Raises:
        EncoderError: model2vec is not installed, the folder is there already, the encoder is none
            that can be distilled, or has fewer dimensions.
        OSError: what the system refuses; nothing is left behind.
    """
    if output.exists():
        raise EncoderError(f"{output} is there already. Name another folder, or delete it")
    if not 2 <= dims <= encoder.dim:
        raise EncoderError(f"dims is {dims}; {encoder.name} can be distilled to 2 to {encoder.dim}")
    pooling = _pooling(encoder)
    if find_spec("model2vec") is None or find_spec("skeletoken") is None:
        raise EncoderError(
            'distilling needs model2vec: pip install "textshot-classifier[static]"; what it writes'
            " is read without"
        )
    say(f"encoding each token of {encoder.name}")
    table, tokenizer = _distilled(encoder, dims, pooling)
    _write(output, table, tokenizer)
    return table.shape[0], table.shape[1]


def _pooling(encoder: SentenceTransformerEncoder) -> str:
    """Return how model2vec names the pooling of an encoder, or say why it is not distilled."""
    modules = read_modules(encoder.folder)
    kinds = [module.kind for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Normalize"}:
        raise EncoderError(
            f"{encoder.name} is made of {', '.join(kinds)}; a transformer with pooling is needed"
        )
    found = pooling_modes(encoder.folder, modules[1])
    if len(found) != 1 or found[0] not in _POOLINGS:
        raise EncoderError(f"{encoder.name} pools by {found}; one of {list(_POOLINGS)} is needed")
    if not getattr(encoder.transformer.tokenizer, "is_fast", False):
        raise EncoderError(f"{encoder.name} has no fast tokenizer, and a static encoder needs one")
    return _POOLINGS[found[0]]


def _distilled(
    encoder: SentenceTransformerEncoder, dims: int, pooling: str
) -> tuple[FloatArray, Any]:
    from model2vec.distill import distill_from_model

    model: Any = encoder.fresh_model()  # which is changed
    inner = model[0].model
    inner.name_or_path = str(encoder.folder)  # for what is no folder it would ask the hub
    logger = logging.getLogger("model2vec")
    before, logger.disabled = logger.disabled, True
    try:
        with quiet_libraries(), redirect_stderr(io.StringIO()):  # it draws a bar, asked or not
            made = distill_from_model(
                inner,
                model.tokenizer,
                device="cpu",
                pca_dims=dims,
                sif_coefficient=_SIF,
                quantize_to="float32",
                pooling=pooling,
            )
    except Exception as error:  # three libraries, each with its own kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise EncoderError(f"{encoder.name} cannot be distilled: {reason}") from error
    finally:
        logger.disabled = before
    weights = np.ones(1) if made.weights is None else made.weights
    table = made.embedding * weights[:, None]
    unknown = made.tokenizer.token_to_id(str(model.tokenizer.unk_token))
    if unknown is not None:
        table[unknown] = 0.0  # what is not known says nothing
    return np.ascontiguousarray(table, np.float32), made.tokenizer


def _write(output: Path, table: FloatArray, tokenizer: Any) -> None:
    """Write a sentence-transformers folder aside and rename it."""
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
            write_whole(aside / name, data)
        aside.rename(output)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
