"""From a model folder to its compiled twin: found in the cache, or made, proven and kept there."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textshot.arrays import FloatArray
from textshot.encoders.identity import model_fingerprint
from textshot.encoders.layer import read_layer
from textshot.encoders.twins.batches import batches
from textshot.encoders.twins.choose import ONNX
from textshot.encoders.twins.encoder import CompiledEncoder, tokenizer_json
from textshot.encoders.twins.engines import (
    Graph,
    OnnxGraph,
    OpenVinoGraph,
    openvino_version,
)
from textshot.encoders.twins.proof import LEAST_COSINE, Proof, probe_texts, prove
from textshot.encoders.twins.store import (
    GRAPH,
    PROBE,
    TOKENIZER,
    Twin,
    cache_folder,
    making,
    read_checked,
    read_twin,
    write_aside,
    write_twin,
)
from textshot.encoders.twins.tokens import Tokens
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
    layer: str | None = None

    @property
    def spec(self) -> dict[str, str | int | None]:
        """What an index keeps of it."""
        names = ("name", "revision", "prompt", "max_length")
        found: dict[str, str | int | None] = {name: getattr(self, name) for name in names}
        if self.layer is not None:
            found["layer"] = self.layer
        return found if self.long_texts == CUT else {**found, "long_texts": self.long_texts}

    def fingerprint(self, *, prompt: str, long_texts: str) -> str:
        """Return the fingerprint with another prompt, or another way with long texts."""
        layer = None if self.layer is None else read_layer(self.layer)
        return model_fingerprint(
            self.folder,
            prompt=prompt,
            max_length=self.max_length,
            long_texts=long_texts,
            layer=None if layer is None else (layer.sha256, layer.base),
        )


def load_compiled(model: Model, backend: str, precision: str) -> CompiledEncoder:
    """Return the compiled twin of a model.

    Args:
        model: which one.
        backend: "openvino" or "onnx".
        precision: "fp32", or with OpenVINO "bf16".

    Raises:
        EncoderError: a model that is refused, cannot be written as a graph or is no twin then; or
            the cache cannot be written.
    """
    # Prompt and windows are done to the texts: with any of them the graph is the same one.
    place = cache_folder() / "twins" / model.fingerprint(prompt="", long_texts=CUT)
    try:
        twin, graph = _ready(place, model, backend, precision)
    except OSError as error:
        raise EncoderError(
            f"the twin of {model.name} cannot be kept in {place}: {error.strerror or error}. Name"
            " another folder by TEXTSHOT_CACHE, or take --backend torch"
        ) from error
    return CompiledEncoder(
        graph,
        _tokens(twin),
        pad=twin.pad,
        limit=twin.limit,
        name=model.name,
        source=f"{model.source}, {backend} {precision}",
        fingerprint=model.fingerprint(prompt=model.prompt, long_texts=model.long_texts),
        spec=model.spec,
        dim=twin.dim,
        folder=model.folder,
        again=lambda: reference(model),
        travels=(model, backend, precision),
    )


def reference(model: Model, device: str | None = "cpu") -> SentenceTransformerEncoder:
    """Return the reference encoder of a model."""
    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder

    found = {name: getattr(model, name) for name in model.__slots__ if name != "folder"}
    return SentenceTransformerEncoder(model.folder, device=device, **found)


def _ready(place: Path, model: Model, backend: str, precision: str) -> tuple[Twin, Graph]:
    twin = read_twin(place)
    if twin is not None:
        with suppress(EncoderError):  # damaged: made again below
            return twin, _graph(twin, backend, precision)
    with making(place):
        again = read_twin(place)
        if again is not None and again != twin:
            return again, _graph(again, backend, precision)  # another process was first
        logger.info("%s: making its compiled twin in %s", model.name, place)
        twin = _make(place, model)
        return twin, _graph(twin, backend, precision)


def _make(place: Path, model: Model) -> Twin:
    from safetensors.numpy import save

    from textshot.encoders.twins.export import to_onnx

    plain = Model(
        model.folder, model.name, model.source, max_length=model.max_length, layer=model.layer
    )
    made = reference(plain)
    tokenizer = made.transformer.tokenizer
    if not getattr(tokenizer, "is_fast", False):
        raise EncoderError(f"{model.name} has no fast tokenizer, and a twin needs one")
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


def _graph(twin: Twin, backend: str, precision: str) -> Graph:
    if precision not in LEAST_COSINE:
        raise EncoderError(f"precision is {precision!r}; {', '.join(LEAST_COSINE)} are there")
    if backend == ONNX:
        graph: Graph = OnnxGraph(twin.read(GRAPH))
        _prove(twin, graph, precision, few=True)
        return graph
    return _openvino(twin, precision)


def _openvino(twin: Twin, precision: str) -> Graph:
    """Return the compiled graph as it was kept for this machine, or compile, prove and keep it."""
    kept = twin.folder / f"openvino-{openvino_version()}-{precision}-{_machine()}.blob"
    note = kept.with_suffix(".json")
    with suppress(EncoderError, OSError, ValueError, KeyError, TypeError):
        facts: Mapping[str, Any] = json.loads(note.read_bytes())
        if facts["graph"] == twin.files[GRAPH]:
            blob = read_checked(kept, facts["sha256"])
            graph = OpenVinoGraph(blob, precision, is_compiled=True)
            _prove(twin, graph, precision, few=True)
            return graph
    graph = OpenVinoGraph(twin.read(GRAPH), precision)
    proof = _prove(twin, graph, precision)
    blob = graph.compiled()
    write_aside(kept, blob)
    facts = {"graph": twin.files[GRAPH], "sha256": hashlib.sha256(blob).hexdigest()}
    write_aside(note, json.dumps({**facts, "proof": asdict(proof)}, indent=1).encode())
    return graph


def _prove(twin: Twin, graph: Graph, precision: str, *, few: bool = False) -> Proof:
    """Compare with the reference on all probe texts, or on a few where that was done before."""
    from safetensors.numpy import load

    rows: FloatArray = load(twin.read(PROBE))["rows"]
    texts: Sequence[str] = probe_texts()
    if len(rows) != len(texts):
        raise EncoderError(f"{twin.folder / PROBE} is of another version")
    if few:
        rows, texts = rows[:4], texts[:4]
    found = np.empty_like(rows)
    numbers = _tokens(twin).numbers(texts)
    graph.run(batches(numbers, twin.pad), lambda places, some: found.__setitem__(places, some))
    return prove(found, rows, precision)


def _tokens(twin: Twin) -> Tokens:
    twin.read(TOKENIZER)
    return Tokens(twin.folder / TOKENIZER, twin.limit, twin.unknown)


def _machine() -> str:
    """Return what a compiled graph depends on of this machine, as a few hex digits."""
    told = platform.machine() + platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told += "".join(sorted({x for x in lines if x.startswith(("model name", "flags"))}))
    return hashlib.sha256(told.encode()).hexdigest()[:8]
