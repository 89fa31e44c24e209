"""Load the compiled encoder of a model from the cache, or compile, verify and store it there."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from textshot.encoders.compiled.encoder import CompiledEncoder
from textshot.encoders.compiled.graphs import Graph
from textshot.encoders.compiled.store import (
    GRAPH,
    PROBE,
    TOKENIZER,
    CompiledModel,
    NotCompilableError,
    cache_folder,
    check_refusal,
    compilation_lock,
    read_compiled,
    write_compiled,
    write_refusal,
)
from textshot.encoders.compiled.tokens import Tokenizer
from textshot.encoders.compiled.verification import probe_texts, verified_graph
from textshot.encoders.fingerprint import ModelConfig
from textshot.encoders.long_texts import CUT
from textshot.encoders.model_folder import read_modules, read_settings
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder, is_fast
from textshot.errors import EncoderError

logger = logging.getLogger(__name__)

_Parts = tuple[CompiledModel, Tokenizer, Graph]


def load_compiled(config: ModelConfig, backend: str, precision: str) -> CompiledEncoder:
    """Return the compiled encoder of a model.

    Args:
        config: the model.
        backend: "openvino" or "onnx".
        precision: "fp32", or with OpenVINO "bf16" or "int8": in 8 bits the vectors are others, and
            so is the fingerprint.

    Raises:
        EncoderError: a model that is refused, cannot be exported or fails the verification; or
            the cache cannot be written.
    """
    # Prompt and windows change the texts, not the graph.
    plain = replace(config, prompt="", long_texts=CUT)
    folder = cache_folder() / "compiled" / f"{plain.fingerprint()}-{_sides(config.folder)}"
    try:
        compiled, tokenizer, graph = _ready(folder, plain, backend, precision)
    except OSError as error:
        raise EncoderError(
            f"{config.name} cannot be compiled into {folder}: {error.strerror or error}. Name"
            " another folder by TEXTSHOT_CACHE, or take --backend torch"
        ) from error
    return CompiledEncoder(
        config, backend, precision, compiled=compiled, tokenizer=tokenizer, graph=graph
    )


def _ready(folder: Path, config: ModelConfig, backend: str, precision: str) -> _Parts:
    # First of all: a graph that passes in fp32 and fails in bf16 would be verified at each start.
    check_refusal(folder, backend, precision)
    model = read_compiled(folder)
    if model is not None:
        with suppress(EncoderError):  # damaged: compiled again below
            return open_compiled(model, backend, precision)
    try:
        with compilation_lock(folder):
            current = read_compiled(folder)
            if current is None or current == model:  # else another process was first
                logger.info("compiling %s into %s", config.name, folder)
                current = _compile(folder, config)
            return open_compiled(current, backend, precision)
    except NotCompilableError as error:
        write_refusal(folder, backend, precision, str(error))
        raise


def open_compiled(model: CompiledModel, backend: str, precision: str) -> _Parts:
    """Return a model of the cache with its tokenizer and its graph, verified.

    Raises:
        EncoderError: a file is missing or damaged, or the vectors are not those of the reference.
        OSError: the graph cannot be stored as compiled for this machine.
    """
    model.read(TOKENIZER)
    tokenizer = Tokenizer(model.folder / TOKENIZER, model.limit, model.unknown)
    return model, tokenizer, verified_graph(model, tokenizer, backend, precision)


def _compile(folder: Path, config: ModelConfig) -> CompiledModel:
    from safetensors.numpy import save

    from textshot.encoders.compiled.export import to_onnx

    reference = SentenceTransformerEncoder(config, "cpu")
    tokenizer = reference.transformer.tokenizer
    if not is_fast(tokenizer):
        raise NotCompilableError(f"{config.name} has no fast tokenizer, which compiling needs")
    if tokenizer.truncation_side != "right":
        raise NotCompilableError(
            f"{config.name} encodes the end of a long text; compiled models encode the beginning"
        )
    rows = reference.encode(probe_texts())  # before the export, which changes the model
    contents = {
        GRAPH: to_onnx(reference.transformer),
        TOKENIZER: tokenizer.backend_tokenizer.to_str().encode(),
        PROBE: save({"rows": rows}),
    }
    facts = {
        "dim": reference.dim,
        "limit": reference.transformer.max_seq_length,
        "pad": tokenizer.pad_token_id or 0,
        "unknown": tokenizer.unk_token,
    }
    return write_compiled(folder, contents, facts)


def _sides(folder: Path) -> str:
    """Return the sides on which a model pads and cuts, which its fingerprint does not hold."""
    names = ("padding_side", "truncation_side")
    settings = read_settings(read_modules(folder)[0].folder / "tokenizer_config.json")
    return "-".join("left" if settings.get(name) == "left" else "right" for name in names)
