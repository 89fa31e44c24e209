"""A graph that is known to give the reference's vectors: compiled, compared and kept."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from textshot._arrays import FloatArray
from textshot._files import write_atomic
from textshot.encoders.base import with_direction
from textshot.encoders.compiled.backends import INT8, ONNX
from textshot.encoders.compiled.batches import batches
from textshot.encoders.compiled.calibration_texts import CALIBRATION
from textshot.encoders.compiled.int8 import TOKENS, WIDE, to_int8
from textshot.encoders.compiled.onnx_graph import Graph, OnnxGraph, versions
from textshot.encoders.compiled.openvino_graph import OpenVinoGraph
from textshot.encoders.compiled.refusals import NotCompilableError
from textshot.encoders.compiled.store import (
    GRAPH,
    PROBE,
    Twin,
    making,
    read_checked,
    read_int8,
    write_int8,
)
from textshot.encoders.compiled.tokens import Tokens
from textshot.encoders.compiled.verification import Proof, probe_texts, prove
from textshot.errors import EncoderError

FEW = 4
"""Probe texts at each start: what was damaged on the way shows in any."""


def proven_graph(twin: Twin, tokens: Tokens, backend: str, precision: str) -> Graph:
    """Return what runs a twin, proven: on all probe texts once on this machine, then on a few.

    Raises:
        EncoderError: a file is damaged, or it is no twin of the reference.
        OSError: what was compiled cannot be kept.
    """
    name = f"{backend}-{versions()[backend]}-{precision}-{_machine()}"
    note = twin.folder / f"{name}.json"
    with suppress(EncoderError, OSError, ValueError, KeyError, TypeError):
        facts: Mapping[str, Any] = json.loads(note.read_bytes())
        if facts["graph"] == twin.files[GRAPH]:
            graph = _again(twin, backend, precision, name, facts["compiled"])
            _prove(twin, tokens, graph, precision, few=True)
            return graph
    if precision == INT8:
        graph, proof = _proven_int8(twin, tokens)
    else:
        make = OnnxGraph if backend == ONNX else partial(OpenVinoGraph, precision=precision)
        graph = make(twin.read(GRAPH))
        proof = _prove(twin, tokens, graph, precision)
    compiled = _keep(graph, twin.folder / f"{name}.blob")
    facts = {"graph": twin.files[GRAPH], "compiled": compiled, "proof": asdict(proof)}
    write_atomic(note, json.dumps(facts, indent=1).encode())
    return graph


def _again(twin: Twin, backend: str, precision: str, name: str, compiled: str | None) -> Graph:
    """Return the graph as it was compiled for this machine, if there is such a thing."""
    if backend == ONNX:
        return OnnxGraph(twin.read(GRAPH))
    blob = read_checked(twin.folder / f"{name}.blob", compiled or "")
    return OpenVinoGraph(blob, precision, is_compiled=True)


def _proven_int8(twin: Twin, tokens: Tokens) -> tuple[Graph, Proof]:
    """Return the graph in 8 bits and its proof: the kept one, or the fastest that is proven.

    The kept one is for all machines, so that vectors of one are those of another.
    """
    with making(twin.folder / INT8):
        with suppress(EncoderError):
            graph: Graph = OpenVinoGraph(read_int8(twin), INT8)
            return graph, _prove(twin, tokens, graph, INT8)
        rows = tokens.numbers(CALIBRATION)
        for wide in WIDE:
            data = to_int8(twin.read(GRAPH), batches(rows, twin.pad, twin.limit, TOKENS), wide)
            graph = OpenVinoGraph(data, INT8)
            try:
                proof = _prove(twin, tokens, graph, INT8)
            except NotCompilableError:
                if wide == WIDE[-1]:
                    raise
                continue
            write_int8(twin, data)
            return graph, proof
    raise AssertionError("WIDE is empty")


def _keep(graph: Graph, path: Path) -> str | None:
    """Keep a compiled graph, and return its sha256; None where there is nothing to keep."""
    blob = graph.compiled()
    if blob is None:
        return None
    write_atomic(path, blob)
    return hashlib.sha256(blob).hexdigest()


def _prove(twin: Twin, tokens: Tokens, graph: Graph, precision: str, *, few: bool = False) -> Proof:
    """Compare with the reference on all probe texts, or on a few where that was done before."""
    from safetensors.numpy import load

    rows: FloatArray = load(twin.read(PROBE))["rows"]
    texts: Sequence[str] = probe_texts()
    if len(rows) != len(texts):
        raise EncoderError(f"{twin.folder / PROBE} is of another version")
    if few:
        rows, texts = rows[:FEW], texts[:FEW]
    found = np.empty_like(rows)
    numbers = tokens.numbers(texts)
    some = batches(numbers, twin.pad, twin.limit)
    graph.run(some, lambda places, rows: found.__setitem__(places, rows))
    # As the encoder does: a text in which the model finds nothing has a row of zeros.
    return prove(with_direction(found), rows, precision)


def _machine() -> str:
    """Return what a compiled graph depends on of this machine, as a few hex digits."""
    told = platform.machine() + platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told += "".join(sorted({x for x in lines if x.startswith(("model name", "flags"))}))
    return hashlib.sha256(told.encode()).hexdigest()[:8]
