"""Indexes small enough to check by eye, and what two of them have to share to be the same."""

import numpy as np
import pytest

from textshot.testing import toy_engine


@pytest.fixture(scope="session")
def at():
    """Unit rows at these degrees: `at(0, 90)` is [[1, 0], [0, 1]]."""

    def rows(*degrees):
        angles = np.radians(np.asarray(degrees, np.float64))
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    return rows


@pytest.fixture(scope="session")
def contents():
    """All that a State holds, to the bit, as one value that can be compared."""

    def values(state):
        made_by = state.encoder and (
            state.encoder.fingerprint,
            dict(state.encoder.spec),
            None if state.encoder.probe is None else state.encoder.probe.tobytes(),
        )
        entries = tuple(
            (e.category, e.keys, e.vectors.tobytes(), e.prototype.tobytes()) for e in state.entries
        )
        settings = state.dim, state.names, state.name_weight, state.private, state.decision
        nothing = state.out_of_scope and (
            state.out_of_scope.examples,
            state.out_of_scope.vectors.tobytes(),
        )
        return *settings, made_by, nothing, entries

    return values


@pytest.fixture
def folder(tmp_path):
    """The index of the toy shop, saved once."""
    toy_engine(threshold="auto").save(tmp_path / "index")
    return tmp_path / "index"
