"""What makes a run what it is: where one of these differs, its rows do not belong together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot.batch.plan import Plan
from textshot.batch.worker import VERSION, Worker
from textshot.index import State

Identity = Mapping[str, Any]

_WORDS = {
    "worker": "the version of textshot",
    "index": "the index",
    "encoder": "the encoder, or what runs it",
    "options": "the options",
    "inputs": "the input",
    "columns": "the columns of the input",
}


def identity_of(worker: Worker, plan: Plan, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run is a run of, as JSON has it.

    Args:
        worker: what answers.
        plan: the files.
        options: whatever else changes what is written.
    """
    engine = worker.engine
    return {
        "worker": VERSION,
        "index": {
            "generation": engine.index.generation,
            "content": digest_of(engine.index.state),
        },
        "encoder": {
            "fingerprint": engine.encoder.fingerprint,
            "kind": engine.encoder.runtime,
        },
        "options": {
            "text_columns": list(worker.text_columns),
            "threshold": worker.threshold,
            "metadata": list(worker.metadata),
            "encoding": plan.encoding,
            **options,
        },
        "inputs": [
            [s.path, str(s.format), s.size, s.modified, dict(s.partition)] for s in plan.sources
        ],
        "columns": [[field.name, str(field.type)] for field in plan.schema],
    }


def fingerprint_of(identity: Identity) -> str:
    """Return 16 characters that stand for an identity."""
    text = json.dumps(identity, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


def difference(before: Identity, now: Identity) -> str:
    """Say in words what is another in two identities."""
    found = []
    for name, words in _WORDS.items():
        if before.get(name) == now.get(name):
            continue
        found.append(words + _detail(name, before.get(name), now.get(name)))
    return ", ".join(found)


def _detail(name: str, before: Any, now: Any) -> str:
    if name == "index" and before["generation"] != now["generation"]:
        return f" (generation {before['generation']}, now {now['generation']})"
    if name == "encoder":
        return f" ({before['kind']}, now {now['kind']})" if before["kind"] != now["kind"] else ""
    if name == "options":
        other = [key for key in now if before.get(key) != now[key]]
        return f" ({', '.join(other)})"
    if name == "inputs":
        earlier = {one[0]: one for one in before}
        other = [one[0] for one in now if earlier.get(one[0]) != one]
        gone = sorted(set(earlier) - {one[0] for one in now})
        shown = [*other, *gone]
        return f" ({len(shown)} of its files, such as {shown[0]})" if shown else " (its order)"
    return ""


def digest_of(state: State) -> str:
    """Return 16 characters that stand for all of an index that an answer depends on."""
    name_weight = None if state.name_weight is None else asdict(state.name_weight)
    told = {
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
    found = sha256(json.dumps(told, sort_keys=True, default=str).encode())
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
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:16]
