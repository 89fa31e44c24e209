"""A static encoder out of another one: each token is encoded once, by model2vec."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from textshot._arrays import FloatArray
from textshot.encoders.base import clean_texts
from textshot.encoders.distill.fitting import FEWEST, MOST, fit_rows
from textshot.encoders.distill.static_folder import write_static
from textshot.encoders.fingerprint import pooling_modes
from textshot.encoders.model_folder import read_modules
from textshot.encoders.quiet import quiet_libraries
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError

DIMS = 256
"""Numbers of a vector; with the default encoder 384 are up to a point better (docs/adr/0020)."""

_SIF = 1e-4  # how far frequent tokens count for less
_POOLINGS = {"mean": "mean", "cls": "first", "lasttoken": "last"}


def distill(
    encoder: SentenceTransformerEncoder,
    output: Path,
    *,
    dims: int | None = None,
    texts: Sequence[str] = (),
    on_message: Callable[[str], None] = lambda line: None,
) -> tuple[int, int]:
    """Write a static encoder made of another one: a folder that `load_encoder` reads.

    Args:
        encoder: the reference, with its adapter; its prompt has no part in it.
        output: the folder to write; it is there whole, or not at all.
        dims: numbers of a vector; None: DIMS, and with texts those of the encoder.
        texts: like those that will be read, without labels; the rows are fitted to them
            (`textshot.encoders.distill.fitting`). Of more than MOST different ones the first are
            taken.
        on_message: called with a line for each step.

    Returns:
        The number of tokens, and of the numbers of a vector.

    Raises:
        EncoderError: model2vec is not installed, the folder is there already, the encoder is none
            that can be distilled, or has fewer dimensions; texts that are too few, or with dims.
        OSError: what the system refuses; nothing is left behind.
    """
    if output.exists():
        raise EncoderError(f"{output} is there already. Name another folder, or delete it")
    different = list(dict.fromkeys(text for text in clean_texts(texts) if text.strip()))[:MOST]
    size = _size(encoder, dims, len(different), fitted=len(texts) > 0)
    pooling = _pooling(encoder)
    if find_spec("model2vec") is None or find_spec("skeletoken") is None:
        raise EncoderError(
            'distilling needs model2vec: pip install "textshot-classifier[static]"; what it writes'
            " is read without"
        )
    on_message(f"encoding each token of {encoder.name}")
    table, tokenizer = _distilled(encoder, size, pooling)
    if different:
        on_message(f"fitting it to {len(different)} texts")
        numbers = [
            np.asarray(one.ids, np.int64)
            for one in tokenizer.encode_batch_fast(different, add_special_tokens=False)
        ]
        table, cosine = fit_rows(table, numbers, encoder.encode(different))
        on_message(
            f"mean cosine with the vectors of {encoder.name}, on a tenth held out: {cosine:.2f}"
        )
    write_static(output, table, tokenizer)
    return table.shape[0], table.shape[1]


def _size(encoder: SentenceTransformerEncoder, dims: int | None, n: int, *, fitted: bool) -> int:
    """Return how many numbers a vector gets, or say why that does not go."""
    if fitted and dims is not None:
        raise EncoderError(
            f"dims is {dims}; fitted to texts, a vector has the {encoder.dim} of {encoder.name}."
            " Leave dims out"
        )
    if fitted and n < FEWEST:
        raise EncoderError(f"{n} different texts; {FEWEST} are needed to fit an encoder to them")
    size = encoder.dim if fitted else min(DIMS, encoder.dim) if dims is None else dims
    if not 2 <= size <= encoder.dim:
        raise EncoderError(f"dims is {size}; {encoder.name} can be distilled to 2 to {encoder.dim}")
    return size


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
