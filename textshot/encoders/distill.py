"""Distill an encoder into a static one: each token is encoded once, by model2vec (docs/adr/0020).

Fitted to texts, the rows of tokens change so that their means come near the reference's vectors: a
ridge regression in two steps, one matrix for all rows, then a change of each row.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from textshot._arrays import FloatArray, IntArray
from textshot._characters import is_blank
from textshot._files import atomic_folder, write_atomic
from textshot.encoders.compiled.static import mean_rows
from textshot.encoders.fingerprint import pooling_modes
from textshot.encoders.hub import quiet_libraries
from textshot.encoders.model_folder import read_modules
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder, is_fast
from textshot.encoders.texts import clean_texts
from textshot.errors import EncoderError

DEFAULT_DIM = 256
"""Length of a vector; with the default encoder 384 are up to a point better."""

MIN_TEXTS, MAX_TEXTS = 100, 5000
"""Texts to fit to: as many are needed, and no more are used, as a matrix of this size is solved."""

_SIF = 1e-4  # how much frequent tokens are weighted down
_POOLINGS = {"mean": "mean", "cls": "first", "lasttoken": "last"}
_PENALTIES = (0.03, 0.1, 0.3)  # for changing a row
_MAP_PENALTY = 1e-4  # for the matrix, relative to the size of what it maps
_HELD_OUT = 0.1
_MODULE = "sentence_transformers.sentence_transformer.modules.StaticEmbedding"
_MODULES = [{"idx": 0, "name": "0", "path": "", "type": _MODULE}]


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
        encoder: the reference, with its adapter; its prompt is ignored.
        output: the folder to write, completely or not at all.
        dims: length of a vector; None: DEFAULT_DIM, and with texts that of the encoder.
        texts: unlabelled, like those to come; the rows of tokens are fitted to the first MAX_TEXTS
            different ones.
        on_message: called with a line for each step.

    Returns:
        The number of tokens, and the length of a vector.

    Raises:
        EncoderError: model2vec is not installed, the folder exists, the encoder cannot be
            distilled or has fewer dimensions; texts that are too few, or with dims.
        OSError: what the system refuses; nothing is left behind.
    """
    if output.exists():
        raise EncoderError(f"{output} exists already. Name another folder, or delete it")
    different = [text for text in dict.fromkeys(clean_texts(texts)) if not is_blank(text)]
    different = different[:MAX_TEXTS]
    dim = _dim(encoder, dims, len(different), fitted=len(texts) > 0)
    pooling = _pooling(encoder)
    if find_spec("model2vec") is None or find_spec("skeletoken") is None:
        raise EncoderError(
            'distilling needs model2vec: pip install "textshot-classifier[static]"; its result is'
            " used without"
        )
    on_message(f"encoding each token of {encoder.name}")
    table, tokenizer = _token_table(encoder, dim, pooling)
    if different:
        on_message(f"fitting it to {len(different)} texts")
        encodings = tokenizer.encode_batch_fast(different, add_special_tokens=False)
        tokens = [np.asarray(encoding.ids, np.int64) for encoding in encodings]
        table, cosine = fit_rows(table, tokens, encoder.encode(different))
        on_message(f"mean cosine with {encoder.name} on a tenth held out: {cosine:.2f}")
    _write(output, table, tokenizer)
    return table.shape[0], table.shape[1]


def _dim(encoder: SentenceTransformerEncoder, dims: int | None, n: int, *, fitted: bool) -> int:
    """Return the length of a vector, or refuse the arguments."""
    if fitted and dims is not None:
        raise EncoderError(
            f"dims is {dims}; fitted to texts, a vector has the length of {encoder.name},"
            f" {encoder.dim}. Leave dims out"
        )
    if fitted and n < MIN_TEXTS:
        raise EncoderError(f"{n} different texts; {MIN_TEXTS} are needed to fit an encoder to them")
    dim = encoder.dim if fitted else min(DEFAULT_DIM, encoder.dim) if dims is None else dims
    if not 2 <= dim <= encoder.dim:
        raise EncoderError(f"dims is {dim}; {encoder.name} can be distilled to 2 to {encoder.dim}")
    return dim


def _pooling(encoder: SentenceTransformerEncoder) -> str:
    """Return how model2vec names the pooling of an encoder, or refuse it."""
    modules = read_modules(encoder.folder)
    kinds = [module.kind for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Normalize"}:
        raise EncoderError(
            f"{encoder.name} is made of {', '.join(kinds)}; a transformer with pooling is needed"
        )
    modes = pooling_modes(encoder.folder, modules[1])
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise EncoderError(f"{encoder.name} pools by {modes}; one of {list(_POOLINGS)} is needed")
    if not is_fast(encoder.transformer.tokenizer):
        raise EncoderError(f"{encoder.name} has no fast tokenizer, and a static encoder needs one")
    return _POOLINGS[modes[0]]


def _token_table(
    encoder: SentenceTransformerEncoder, dim: int, pooling: str
) -> tuple[FloatArray, Any]:
    from model2vec.distill import distill_from_model

    model: Any = encoder.fresh_model()  # distilling changes it
    inner = model[0].model
    inner.name_or_path = str(encoder.folder)  # or model2vec would ask the hub
    logger = logging.getLogger("model2vec")
    before, logger.disabled = logger.disabled, True
    try:
        with quiet_libraries(), redirect_stderr(io.StringIO()):  # it always draws a bar
            result = distill_from_model(
                inner,
                model.tokenizer,
                device="cpu",
                pca_dims=dim,
                sif_coefficient=_SIF,
                quantize_to="float32",
                pooling=pooling,
            )
    except Exception as error:  # three libraries, each with its own kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise EncoderError(f"{encoder.name} cannot be distilled: {reason}") from error
    finally:
        logger.disabled = before
    weights = np.ones(1) if result.weights is None else result.weights
    table = result.embedding * weights[:, None]
    unknown = result.tokenizer.token_to_id(str(model.tokenizer.unk_token))
    if unknown is not None:
        table[unknown] = 0.0  # an unknown token says nothing
    return np.ascontiguousarray(table, np.float32), result.tokenizer


def _write(output: Path, table: FloatArray, tokenizer: Any) -> None:
    """Write a sentence-transformers folder: three files and nothing pickled."""
    from safetensors.numpy import save

    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(output) as folder:
        write_atomic(folder / "modules.json", json.dumps(_MODULES, indent=1).encode())
        write_atomic(folder / "tokenizer.json", tokenizer.to_str().encode())
        write_atomic(folder / "model.safetensors", save({"embedding.weight": table}))


def fit_rows(
    table: FloatArray, tokens: Sequence[IntArray], vectors: FloatArray
) -> tuple[FloatArray, float]:
    """Fit the rows of tokens to texts.

    Args:
        table: float32 (n_tokens, d), as distilled.
        tokens: for each of n texts int64 (m,).
        vectors: float32 (n, dim), the vectors of the reference, unit rows.

    Returns:
        float32 (n_tokens, dim) in the space of the reference, and the mean cosine of a tenth of the
        texts, held out to choose the penalty, with their vectors.
    """
    order = np.random.default_rng(0).permutation(len(tokens))
    n_out = max(1, round(_HELD_OUT * len(order)))
    out, fit = order[:n_out], order[n_out:]
    fitted, held_out = [tokens[i] for i in fit], [tokens[i] for i in out]
    # Vectors are made unit afterwards, so each text may have a scale of its own: with this one
    # means of few and of many tokens are of one length.
    rows = mean_rows(table, fitted)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scales = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)  # no token: 0
    scales /= max(float(scales.mean()), 1e-12)
    matrix = _best_map(rows * scales, vectors[fit])
    mapped, gaps = table @ matrix, vectors[fit] - (rows * scales) @ matrix
    used, bags = _bags(fitted)
    bags *= scales
    products = bags @ bags.T
    best, best_cosine = mapped, _cosine(mapped, held_out, vectors[out])
    for penalty in _PENALTIES:
        penalized = products + np.float32(penalty) * np.eye(len(fit), dtype=np.float32)
        changed = mapped.copy()
        changed[used] += bags.T @ np.linalg.solve(penalized, gaps)
        cosine = _cosine(changed, held_out, vectors[out])
        if cosine > best_cosine:
            best, best_cosine = changed, cosine
    return best, best_cosine


def _best_map(rows: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return the matrix float32 (d, dim) that maps rows (n, d) nearest to vectors (n, dim)."""
    exact = rows.astype(np.float64)
    squares = exact.T @ exact
    squares += np.eye(len(squares)) * (_MAP_PENALTY * np.trace(squares) + 1e-12)
    return np.linalg.solve(squares, exact.T @ vectors).astype(np.float32)


def _bags(tokens: Sequence[IntArray]) -> tuple[IntArray, FloatArray]:
    """Return the tokens that occur, and their shares in each text, (n, n_used)."""
    used, columns = np.unique(np.concatenate(tokens), return_inverse=True)
    lengths = np.array([len(row) for row in tokens])
    bags = np.zeros((len(tokens), len(used)), np.float32)
    rows = np.repeat(np.arange(len(tokens)), lengths)
    np.add.at(bags, (rows, columns), np.repeat(1 / np.maximum(lengths, 1), lengths))
    return used, bags


def _cosine(table: FloatArray, tokens: Sequence[IntArray], vectors: FloatArray) -> float:
    rows = mean_rows(table, tokens)
    lengths = np.maximum(np.linalg.norm(rows, axis=1), 1e-12)
    return float(((rows * vectors).sum(axis=1) / lengths).mean())
