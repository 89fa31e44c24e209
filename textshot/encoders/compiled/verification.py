"""Verify compiled graphs: compare their vectors with the reference's before they are used."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from textshot._arrays import FloatArray
from textshot._files import write_atomic
from textshot.encoders.base import with_direction
from textshot.encoders.compiled.backends import INT8, ONNX
from textshot.encoders.compiled.export import CALIBRATION_TOKENS, WIDE_PRODUCTS, quantize
from textshot.encoders.compiled.graphs import Graph, OnnxGraph, OpenVinoGraph, versions
from textshot.encoders.compiled.store import (
    GRAPH,
    PROBE,
    CompiledModel,
    NotCompilableError,
    compilation_lock,
    read_checked,
    read_int8,
    write_int8,
)
from textshot.encoders.compiled.tokens import Tokenizer, batches
from textshot.encoders.general_texts import CALIBRATION_TEXTS, GENERAL_TEXTS
from textshot.errors import EncoderError

MIN_COSINE = {"fp32": 1 - 1e-6, "bf16": 0.9998, "int8": 0.985}
"""The smallest cosine with the reference that a text may have."""

N_QUICK = 4
"""Probe texts at each start: damage on the way shows in any of them."""

_MARGIN = {"fp32": 1e-5, "bf16": 2e-3, "int8": 3e-2}
"""A nearest neighbour that leads by less than this may change."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How near compiled vectors are to the reference's on the probe texts.

    Attributes:
        min_cosine: smallest cosine of a text with its reference.
        n_texts: number of texts.
        n_changed: texts whose nearest neighbour among the others is another one, where the
            reference is clear about it.
    """

    min_cosine: float
    n_texts: int
    n_changed: int


def probe_texts() -> list[str]:
    """Return short, long, empty and odd texts, which tokenizers may stumble on."""
    joined = [" ".join(GENERAL_TEXTS[:n]) for n in (2, 5, 12, 30)]
    odd = [
        "",
        "x",
        "naïve café, 3 € at 14 °C",
        "日本 и мир",
        "a\tb\n\nc",
        "don't @me #tag 1,000.50",
    ]
    return [*GENERAL_TEXTS, *joined, *odd]


def verify(rows: FloatArray, reference: FloatArray, precision: str) -> Verification:
    """Compare compiled vectors of the probe texts with the reference's, both (n, dim).

    Raises:
        NotCompilableError: they differ by more than the precision explains, with the numbers.
    """
    cosines = (rows.astype(np.float64) * reference.astype(np.float64)).sum(axis=1)
    n_changed = _n_changed(rows, reference, _MARGIN[precision])
    result = Verification(float(cosines.min()), len(rows), n_changed)
    # Not "less than": NaN fails too.
    if not result.min_cosine >= MIN_COSINE[precision] or result.n_changed:
        raise NotCompilableError(
            f"in {precision} its vectors are not those of the reference: the worst of {len(rows)}"
            f" texts has cosine {result.min_cosine:.6f} with it ({MIN_COSINE[precision]:.6f} is"
            f" needed), and {result.n_changed} have another nearest neighbour"
        )
    return result


def verified_graph(
    model: CompiledModel, tokenizer: Tokenizer, backend: str, precision: str
) -> Graph:
    """Return a graph that is verified: on all probe texts once on this machine, then on a few.

    Raises:
        EncoderError: a file is damaged, or the vectors are not those of the reference.
        OSError: the compiled graph cannot be stored.
    """
    name = f"{backend}-{versions()[backend]}-{precision}-{_machine()}"
    path = model.folder / f"{name}.json"
    with suppress(EncoderError, OSError, ValueError, KeyError, TypeError):
        facts: Mapping[str, Any] = json.loads(path.read_bytes())
        if facts["graph"] == model.files[GRAPH]:
            graph = _stored(model, backend, precision, name, facts["compiled"])
            _verify(model, tokenizer, graph, precision, quick=True)
            return graph
    if precision == INT8:
        graph, result = _verified_int8(model, tokenizer)
    else:
        make = OnnxGraph if backend == ONNX else partial(OpenVinoGraph, precision=precision)
        graph = make(model.read(GRAPH))
        result = _verify(model, tokenizer, graph, precision)
    compiled = _store(graph, model.folder / f"{name}.blob")
    facts = {"graph": model.files[GRAPH], "compiled": compiled, "verification": asdict(result)}
    write_atomic(path, json.dumps(facts, indent=1).encode())
    return graph


def _stored(
    model: CompiledModel, backend: str, precision: str, name: str, sha256: str | None
) -> Graph:
    """Return the graph as it was compiled for this machine."""
    if backend == ONNX:
        return OnnxGraph(model.read(GRAPH))
    blob = read_checked(model.folder / f"{name}.blob", sha256 or "")
    return OpenVinoGraph(blob, precision, is_compiled=True)


def _verified_int8(model: CompiledModel, tokenizer: Tokenizer) -> tuple[Graph, Verification]:
    """Return the graph in 8 bits: the stored one, or the fastest that can be verified.

    The stored one is for all machines, so that vectors of one are those of another.
    """
    with compilation_lock(model.folder / INT8):
        with suppress(EncoderError):
            graph: Graph = OpenVinoGraph(read_int8(model), INT8)
            return graph, _verify(model, tokenizer, graph, INT8)
        rows = tokenizer.tokenize(CALIBRATION_TEXTS)
        for n_wide in WIDE_PRODUCTS:
            texts = batches(rows, model.pad, model.limit, CALIBRATION_TOKENS)
            data = quantize(model.read(GRAPH), texts, n_wide)
            graph = OpenVinoGraph(data, INT8)
            try:
                result = _verify(model, tokenizer, graph, INT8)
            except NotCompilableError:
                if n_wide == WIDE_PRODUCTS[-1]:
                    raise
                continue
            write_int8(model, data)
            return graph, result
    raise AssertionError("WIDE_PRODUCTS is empty")


def _store(graph: Graph, path: Path) -> str | None:
    """Store a compiled graph, and return its sha256; None where compiling takes no time."""
    blob = graph.compiled()
    if blob is None:
        return None
    write_atomic(path, blob)
    return hashlib.sha256(blob).hexdigest()


def _verify(
    model: CompiledModel, tokenizer: Tokenizer, graph: Graph, precision: str, *, quick: bool = False
) -> Verification:
    """Compare with the reference on all probe texts, or on a few of them."""
    from safetensors.numpy import load

    reference: FloatArray = load(model.read(PROBE))["rows"]
    texts: Sequence[str] = probe_texts()
    if len(reference) != len(texts):
        raise EncoderError(f"{model.folder / PROBE} is of another version")
    if quick:
        reference, texts = reference[:N_QUICK], texts[:N_QUICK]
    rows = np.empty_like(reference)
    tokens = batches(tokenizer.tokenize(texts), model.pad, model.limit)
    graph.run(tokens, lambda positions, part: rows.__setitem__(positions, part))
    # As the encoder does: rows of zeros get a direction.
    return verify(with_direction(rows), reference, precision)


def _n_changed(rows: FloatArray, reference: FloatArray, margin: float) -> int:
    ours, theirs = _cosines(rows), _cosines(reference)
    best = np.partition(theirs, -2, axis=1)
    is_clear = best[:, -1] - best[:, -2] > margin
    return int((is_clear & (ours.argmax(axis=1) != theirs.argmax(axis=1))).sum())


def _cosines(rows: FloatArray) -> FloatArray:
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2.0)
    return cosines


def _machine() -> str:
    """Return what a compiled graph depends on of this machine, as a few hex digits."""
    facts = platform.machine() + platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        facts += "".join(sorted({x for x in lines if x.startswith(("model name", "flags"))}))
    return hashlib.sha256(facts.encode()).hexdigest()[:8]
