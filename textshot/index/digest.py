"""The digest of an index: equal for indexes that give the same answers."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot.index.state import State


def digest_of(state: State) -> str:
    """Return 16 hex digits of all that an answer depends on."""
    name_weight = None if state.name_weight is None else asdict(state.name_weight)
    record = {
        "categories": [
            [e.category.name, e.category.threshold, dict(e.category.metadata)]
            for e in state.entries
        ],
        "decision": None if state.decision is None else asdict(state.decision),
        "network": [state.network.name, dict(state.network.settings)],
        "share": state.attention_share,
        "weighing": name_weight,
        "encoder": None if state.encoder is None else state.encoder.fingerprint,
    }
    digest = sha256(json.dumps(record, sort_keys=True, default=str).encode())
    arrays: list[NDArray[Any]] = [
        state.vectors,
        state.key_vectors,
        state.key_rows,
        state.key_kinds,
        state.key_correction_orders,
    ]
    if state.out_of_scope is not None:
        arrays.append(state.out_of_scope.vectors)
    arrays += [state.network.parameters[name] for name in sorted(state.network.parameters)]
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
