"""From a model folder to its compiled twin: found in the cache, or made, proven and kept there."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textshot.encoders.adapter import Adapter, read_adapter
from textshot.encoders.base import ADAPTER_KEY
from textshot.encoders.compiled.backends import INT8
from textshot.encoders.compiled.encoder import CompiledEncoder, tokenizer_json
from textshot.encoders.compiled.int8 import MARK
from textshot.encoders.compiled.onnx_graph import Graph
from textshot.encoders.compiled.refusals import NotCompilableError, check_not_refused, refuse
from textshot.encoders.compiled.store import (
    GRAPH,
    PROBE,
    TOKENIZER,
    Twin,
    cache_folder,
    making,
    read_twin,
    write_twin,
)
from textshot.encoders.compiled.tokens import Tokens
from textshot.encoders.compiled.verification import probe_texts
from textshot.encoders.compiled.verified_graph import proven_graph
from textshot.encoders.fingerprint import model_fingerprint
from textshot.encoders.model_folder import read_modules, read_settings
from textshot.encoders.windows import CUT
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """Which encoder is wanted: the arguments of `SentenceTransformerEncoder` but for the device."""

    folder: Path
    name: str
    source: str
    revision: str | None = None
    prompt: str = ""
    max_length: int | None = None
    long_texts: str = CUT
    adapter: str | None = None


def load_compiled(model: Model, backend: str, precision: str) -> CompiledEncoder:
    """Return the compiled twin of a model.

    Args:
        model: which one.
        backend: "openvino" or "onnx".
        precision: "fp32", or with OpenVINO "bf16" or "int8": in 8 bits the vectors are others, and
            so is the fingerprint.

    Raises:
        EncoderError: a model that is refused, cannot be written as a graph or is no twin then; or
            the cache cannot be written.
    """
    adapter = None if model.adapter is None else read_adapter(model.adapter)
    # Prompt and windows are done to the texts: with any of them the graph is the same one.
    bare = fingerprint_of(replace(model, prompt="", long_texts=CUT), adapter)
    place = cache_folder() / "twins" / f"{bare}-{_sides(model.folder)}"
    try:
        twin, tokens, graph = _ready(place, model, backend, precision)
    except OSError as error:
        raise EncoderError(
            f"the twin of {model.name} cannot be kept in {place}: {error.strerror or error}. Name"
            " another folder by TEXTSHOT_CACHE, or take --backend torch"
        ) from error
    return CompiledEncoder(
        graph,
        tokens,
        pad=twin.pad,
        limit=twin.limit,
        name=model.name,
        source=f"{model.source}, {backend} {precision}",
        fingerprint=fingerprint_of(model, adapter) + (MARK if precision == INT8 else ""),
        spec=spec_of(model, adapter) | ({"precision": INT8} if precision == INT8 else {}),
        dim=twin.dim,
        folder=model.folder,
        again=lambda: reference(model),
        travels=(model, backend, precision),
    )


def fingerprint_of(model: Model, adapter: Adapter | None) -> str:
    """Return the fingerprint of a model, as the reference has it."""
    return model_fingerprint(
        model.folder,
        prompt=model.prompt,
        max_length=model.max_length,
        long_texts=model.long_texts,
        adapter=None if adapter is None else (adapter.sha256, adapter.base),
    )


def _sides(folder: Path) -> str:
    """Return what tells models apart that pad or cut on another side: no fingerprint does."""
    names = ("padding_side", "truncation_side")
    settings = read_settings(read_modules(folder)[0].folder / "tokenizer_config.json")
    return "-".join("left" if settings.get(name) == "left" else "right" for name in names)


def spec_of(model: Model, adapter: Adapter | None) -> dict[str, str | int | None]:
    """Return what an index keeps of a model, as the reference has it."""
    names = ("name", "revision", "prompt", "max_length")
    found: dict[str, str | int | None] = {name: getattr(model, name) for name in names}
    if adapter is not None:
        found[ADAPTER_KEY] = adapter.name
    return found if model.long_texts == CUT else {**found, "long_texts": model.long_texts}


def reference(model: Model, device: str | None = "cpu") -> SentenceTransformerEncoder:
    """Return the reference encoder of a model."""
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

    found = {name: getattr(model, name) for name in model.__slots__ if name != "folder"}
    return SentenceTransformerEncoder(model.folder, device=device, **found)


def _ready(place: Path, model: Model, backend: str, precision: str) -> tuple[Twin, Tokens, Graph]:
    # First of all: a graph that is one in fp32 and none in bf16 would be proven at each start.
    check_not_refused(place, backend, precision)
    twin = read_twin(place)
    if twin is not None:
        with suppress(EncoderError):  # damaged: made again below
            return _opened(twin, backend, precision)
    try:
        return _made(place, model, backend, precision, twin)
    except NotCompilableError as error:
        refuse(place, backend, precision, str(error))
        raise


def _made(
    place: Path, model: Model, backend: str, precision: str, twin: Twin | None
) -> tuple[Twin, Tokens, Graph]:
    with making(place):
        again = read_twin(place)
        if again is None or again == twin:  # else another process was first
            logger.info("%s: making its compiled twin in %s", model.name, place)
            again = _make(place, model)
        return _opened(again, backend, precision)


def _opened(twin: Twin, backend: str, precision: str) -> tuple[Twin, Tokens, Graph]:
    tokens = _tokens(twin)
    return twin, tokens, proven_graph(twin, tokens, backend, precision)


def _make(place: Path, model: Model) -> Twin:
    from safetensors.numpy import save

    from textshot.encoders.compiled.export import to_onnx

    plain = Model(
        model.folder, model.name, model.source, max_length=model.max_length, adapter=model.adapter
    )
    made = reference(plain)
    tokenizer = made.transformer.tokenizer
    if not getattr(tokenizer, "is_fast", False):
        raise NotCompilableError(f"{model.name} has no fast tokenizer, and a twin needs one")
    if tokenizer.truncation_side != "right":
        raise NotCompilableError(
            f"{model.name} reads the end of a long text, and a twin the beginning"
        )
    contents = {
        GRAPH: to_onnx(made.transformer),
        TOKENIZER: tokenizer_json(tokenizer),
        PROBE: save({"rows": made.encode(probe_texts())}),
    }
    facts = {
        "dim": made.dim,
        "limit": made.transformer.max_seq_length,
        "pad": tokenizer.pad_token_id or 0,
        "unknown": tokenizer.unk_token,
    }
    return write_twin(place, contents, facts)


def _tokens(twin: Twin) -> Tokens:
    twin.read(TOKENIZER)
    return Tokens(twin.folder / TOKENIZER, twin.limit, twin.unknown)
