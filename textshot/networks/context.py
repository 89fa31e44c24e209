"""Full context embeddings of matching networks (Vinyals et al. 2016, section 2.1.2).

Prototypes are embedded in the context of each other, queries in that of the prototypes. Written
once for NumPy (inference) and torch (training): `xp` is one or the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from textshot._arrays import FloatArray


def parameter_shapes(kind: str, dim: int) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the parameters of a context: "none", "lstm" or "attention"."""
    if kind == "none":
        return {}
    gates: dict[str, tuple[int, ...]] = {"support_gate": (1,), "query_gate": (1,)}
    if kind == "attention":
        names = [f"{side}_{part}" for side in ("support", "query") for part in ("q", "k", "v")]
        return {**gates, **dict.fromkeys(names, (dim, dim))}
    shapes = dict(gates)
    for part, state in (("forward", dim), ("backward", dim), ("read", 2 * dim)):
        shapes[f"{part}_input"] = (4 * dim, dim)
        shapes[f"{part}_state"] = (4 * dim, state)
        shapes[f"{part}_bias"] = (4 * dim,)
    return shapes


def initial_parameters(kind: str, dim: int, seed: int) -> dict[str, FloatArray]:
    """Return the initial parameters. Gates are zero, so that a context changes nothing at first.

    This is the residual gate of Bachlechner et al. 2020 (https://arxiv.org/abs/2003.04887). The
    projections of the attention start as the identity, the weights of the LSTMs at random.
    """
    rng, start = np.random.default_rng(seed), {}
    for name, shape in parameter_shapes(kind, dim).items():
        start[name] = np.zeros(shape, np.float32)
        if name.endswith("_bias"):
            start[name][dim : 2 * dim] = 1.0  # remember at first
        elif kind == "attention" and len(shape) == 2:
            start[name] = np.eye(dim, dtype=np.float32)
        elif len(shape) == 2:
            start[name] = (rng.standard_normal(shape) / np.sqrt(dim)).astype(np.float32)
    return start


def support(xp: Any, kind: str, parameters: Mapping[str, Any], rows: Any, scale: Any) -> Any:
    """Return prototypes (n, dim) in the context of each other, unit rows.

    "lstm" is the paper's g (appendix A.2): a bidirectional LSTM over the rows, g_i = row_i + h_i
    forward + h_i backward. The order of the rows matters; it is that of the sorted names in
    an index, and that of the ways in an episode. "attention" is one block of self-attention without
    positions: another order of the rows gives the same rows in that order.
    """
    if kind == "lstm":
        both = _lstm(xp, parameters, "forward", rows) + _lstm(xp, parameters, "backward", rows)
        return _unit(xp, rows + parameters["support_gate"] * both)
    attended = _attention(xp, parameters, "support", rows, rows, scale)
    return _unit(xp, rows + parameters["support_gate"] * attended)


def query(
    xp: Any,
    kind: str,
    parameters: Mapping[str, Any],
    queries: Any,
    rows: Any,
    scale: Any,
    steps: int,
) -> Any:
    """Return queries (n, dim) in the context of prototypes (m, dim), unit rows.

    "lstm" is the paper's f (equations 3 to 6): an LSTM that reads the rows by attention `steps`
    times, its input the query, its state [h, r]. "attention" is one block of cross-attention.
    Neither depends on the order of the rows. Ours: attention is scaled.
    """
    gate = parameters["query_gate"]
    if kind == "attention":
        return _unit(xp, queries + gate * _attention(xp, parameters, "query", queries, rows, scale))
    fixed = queries @ parameters["read_input"].T + parameters["read_bias"]
    cell, hidden = queries * 0, queries
    for _ in range(steps):
        read = _softmax(xp, scale * (hidden @ rows.T)) @ rows
        state = xp.concatenate([hidden, read], -1)
        out, cell = _cell(xp, fixed + state @ parameters["read_state"].T, cell)
        hidden = _unit(xp, queries + gate * out)
    return hidden


def _attention(
    xp: Any, parameters: Mapping[str, Any], side: str, queries: Any, rows: Any, scale: Any
) -> Any:
    projected, keys = queries @ parameters[f"{side}_q"].T, rows @ parameters[f"{side}_k"].T
    return _softmax(xp, scale * (projected @ keys.T)) @ (rows @ parameters[f"{side}_v"].T)


def _lstm(xp: Any, parameters: Mapping[str, Any], way: str, rows: Any) -> Any:
    """Return the hidden state at each row, (n, dim), reading forward or backward."""
    inputs = rows @ parameters[f"{way}_input"].T + parameters[f"{way}_bias"]
    weights = parameters[f"{way}_state"]
    hidden = cell = rows[0] * 0
    states, order = {}, range(len(rows)) if way == "forward" else range(len(rows) - 1, -1, -1)
    for i in order:
        hidden, cell = _cell(xp, inputs[i] + weights @ hidden, cell)
        states[i] = hidden
    return xp.stack([states[i] for i in range(len(rows))], 0)


def _cell(xp: Any, gates: Any, cell: Any) -> tuple[Any, Any]:
    """One step of an LSTM: gates (..., 4 dim) are input, forget, new, output."""
    dim = gates.shape[-1] // 4
    into, keep, new, out = (gates[..., i * dim : (i + 1) * dim] for i in range(4))
    cell = _sigmoid(xp, keep) * cell + _sigmoid(xp, into) * xp.tanh(new)
    return _sigmoid(xp, out) * xp.tanh(cell), cell


def _sigmoid(xp: Any, x: Any) -> Any:
    return 0.5 + 0.5 * xp.tanh(0.5 * x)


def _softmax(xp: Any, x: Any) -> Any:
    near = xp.exp(x - xp.amax(x, -1, keepdims=True))
    return near / near.sum(-1, keepdims=True)


def _unit(xp: Any, rows: Any) -> Any:
    return rows / xp.sqrt((rows * rows).sum(-1, keepdims=True))
