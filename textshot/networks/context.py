"""Full context embeddings: a category as it is among the others, a query as it is before them.

Written once for NumPy (use) and torch (learning): `xp` is the one or the other.
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
    found: dict[str, tuple[int, ...]] = {"support_gate": (1,), "query_gate": (1,)}
    if kind == "attention":
        sides = [f"{side}_{part}" for side in ("support", "query") for part in ("q", "k", "v")]
        return {**found, **dict.fromkeys(sides, (dim, dim))}
    for part, state in (("forward", dim), ("backward", dim), ("read", 2 * dim)):
        found[f"{part}_input"] = (4 * dim, dim)
        found[f"{part}_state"] = (4 * dim, state)
        found[f"{part}_bias"] = (4 * dim,)
    return found


def initial_parameters(kind: str, dim: int, seed: int) -> dict[str, FloatArray]:
    """Return what learning starts from. Gates are zero: at the start a context changes nothing.

    That is the residual gate of Bachlechner et al. 2020 (https://arxiv.org/abs/2003.04887). The
    projections of the attention start as the identity, the weights of the LSTMs at random.
    """
    rng, found = np.random.default_rng(seed), {}
    for name, shape in parameter_shapes(kind, dim).items():
        found[name] = np.zeros(shape, np.float32)
        if name.endswith("_bias"):
            found[name][dim : 2 * dim] = 1.0  # remember at first
        elif kind == "attention" and len(shape) == 2:
            found[name] = np.eye(dim, dtype=np.float32)
        elif len(shape) == 2:
            found[name] = (rng.standard_normal(shape) / np.sqrt(dim)).astype(np.float32)
    return found


def support(xp: Any, kind: str, parameters: Mapping[str, Any], rows: Any, scale: Any) -> Any:
    """Return category rows (n, dim) among each other, unit again.

    "lstm" is the paper's g (appendix A.2): a bidirectional LSTM over the rows, g_i = row_i + h_i
    forward + h_i backward. The order of the rows matters; it is that of the sorted names when
    used, and that of the ways in an episode. "attention" is one block of self-attention without
    positions: another order of the rows gives the same rows in that order.
    """
    if kind == "lstm":
        both = _lstm(xp, parameters, "forward", rows) + _lstm(xp, parameters, "backward", rows)
        return _unit(xp, rows + parameters["support_gate"] * both)
    found = _attention(xp, parameters, "support", rows, rows, scale)
    return _unit(xp, rows + parameters["support_gate"] * found)


def query(
    xp: Any,
    kind: str,
    parameters: Mapping[str, Any],
    queries: Any,
    rows: Any,
    scale: Any,
    steps: int,
) -> Any:
    """Return queries (n, dim) before category rows (m, dim), unit again.

    "lstm" is the paper's f (equations 3 to 6): an LSTM that reads the rows by attention `steps`
    times, its input the query, its state [h, r]. "attention" is one block of cross-attention.
    Neither depends on the order of the rows. Ours: attention is scaled as everywhere.
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


def attended(xp: Any, queries: Any, rows: Any, scale: Any) -> Any:
    """Return the unit attention-weighted sum of the rows for each query, (n, dim)."""
    return _unit(xp, _softmax(xp, scale * (queries @ rows.T)) @ rows)


def _attention(
    xp: Any, parameters: Mapping[str, Any], side: str, queries: Any, rows: Any, scale: Any
) -> Any:
    asked, keys = queries @ parameters[f"{side}_q"].T, rows @ parameters[f"{side}_k"].T
    return _softmax(xp, scale * (asked @ keys.T)) @ (rows @ parameters[f"{side}_v"].T)


def _lstm(xp: Any, parameters: Mapping[str, Any], way: str, rows: Any) -> Any:
    """Return the hidden state at each row, (n, dim), reading forward or backward."""
    inputs = rows @ parameters[f"{way}_input"].T + parameters[f"{way}_bias"]
    weights = parameters[f"{way}_state"]
    hidden = cell = rows[0] * 0
    found, order = {}, range(len(rows)) if way == "forward" else range(len(rows) - 1, -1, -1)
    for i in order:
        hidden, cell = _cell(xp, inputs[i] + weights @ hidden, cell)
        found[i] = hidden
    return xp.stack([found[i] for i in range(len(rows))], 0)


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
