"""The decision settings in a manifest: written and checked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from textshot.types import DEFAULT_REJECTION_RATE, MAX_UNKNOWN_SCORE, DecisionSettings

_MIN_TEMPERATURE, _MAX_TEMPERATURE = 1e-4, 1e4

OPTIONAL_MEMBERS = {"rate": DEFAULT_REJECTION_RATE, "unknown": None, "n_texts": 0}
"""Settings that the first readers of format 1 did not know; left out where they say nothing."""

_MEMBERS: dict[str, Any] = {
    "threshold": float | int | None,
    "method": str,
    "n_way": int,
    "n_scores": int,
    "guess": bool,
    "stale": bool,
    "temperature": float | int | None,
    "rate": float | int,
    "unknown": float | int | None,
    "n_texts": int,
}


def decision_members(decision: DecisionSettings) -> dict[str, Any]:
    """Return the settings as a manifest holds them."""
    members = asdict(decision)
    return {
        name: v
        for name, v in members.items()
        if name not in OPTIONAL_MEMBERS or v != OPTIONAL_MEMBERS[name]
    }


def check_decision(settings: DecisionSettings) -> None:
    """Raise TypeError or ValueError where a manifest holds settings that cannot be."""
    for name, kind in _MEMBERS.items():
        value = getattr(settings, name)
        if not isinstance(value, kind):
            raise TypeError(f"{name} {value!r}")
    if settings.threshold is not None and not -1.0 <= settings.threshold <= 1.0:
        raise ValueError(f"threshold {settings.threshold}")
    if not 0.0 <= settings.rate <= 1.0:
        raise ValueError(f"rate {settings.rate}")
    temperature, unknown = settings.temperature, settings.unknown
    if temperature is not None and not _MIN_TEMPERATURE <= temperature <= _MAX_TEMPERATURE:
        raise ValueError(f"temperature {temperature}")
    # Compared as they are: an integer of JSON may be too large for a float.
    fine = unknown is None or (temperature is not None and abs(unknown) <= MAX_UNKNOWN_SCORE)
    if not fine:
        raise ValueError(f"unknown {unknown} with temperature {temperature}")
    if settings.n_texts < 0:
        raise ValueError(f"n_texts {settings.n_texts}")
