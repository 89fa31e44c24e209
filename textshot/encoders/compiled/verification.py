"""What makes a twin a twin: the reference's own vectors of some texts, and how near it comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textshot._arrays import FloatArray
from textshot.encoders.compiled.refusals import NotCompilableError
from textshot.encoders.general_texts import GENERAL_TEXTS

LEAST_COSINE = {"fp32": 1 - 1e-6, "bf16": 0.9998, "int8": 0.985}
"""The worst text may be so far from the reference."""

_CLEAR = {"fp32": 1e-5, "bf16": 2e-3, "int8": 3e-2}
"""A neighbour that is nearer by less than this may change."""


def probe_texts() -> list[str]:
    """Return the texts: short, long, empty, and of signs that a tokenizer may stumble on."""
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


@dataclass(frozen=True, slots=True)
class Proof:
    """How near a twin comes on the probe texts.

    Attributes:
        least_cosine: of the worst text with the reference.
        n_texts: how many there are.
        n_moved: texts whose nearest neighbour among the others is another one, where the
            reference is clear about it.
    """

    least_cosine: float
    n_texts: int
    n_moved: int


def prove(rows: FloatArray, reference: FloatArray, precision: str) -> Proof:
    """Compare a twin's vectors of the probe texts with the reference's, both (n, dim).

    Raises:
        NotCompilableError: it is no twin, with the numbers.
    """
    cosines = (rows.astype(np.float64) * reference.astype(np.float64)).sum(axis=1)
    proof = Proof(float(cosines.min()), len(rows), _moved(rows, reference, _CLEAR[precision]))
    # Not "less than": a NaN is no twin either.
    if not proof.least_cosine >= LEAST_COSINE[precision] or proof.n_moved:
        raise NotCompilableError(
            f"in {precision} it is no twin of the reference: the worst of {len(rows)} texts has"
            f" cosine {proof.least_cosine:.6f} with it ({LEAST_COSINE[precision]:.6f} is asked"
            f" for), and {proof.n_moved} have another nearest neighbour"
        )
    return proof


def _moved(rows: FloatArray, reference: FloatArray, clear: float) -> int:
    ours, theirs = _others(rows), _others(reference)
    best = np.partition(theirs, -2, axis=1)
    sure = best[:, -1] - best[:, -2] > clear
    return int((sure & (ours.argmax(axis=1) != theirs.argmax(axis=1))).sum())


def _others(rows: FloatArray) -> FloatArray:
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2.0)
    return cosines
