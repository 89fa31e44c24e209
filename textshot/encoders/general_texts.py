"""Texts written for this project that no user's categories are about."""

from __future__ import annotations

from pathlib import Path


def _lines(name: str) -> tuple[str, ...]:
    return tuple(Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines())


GENERAL_TEXTS = _lines("general_texts.txt")
"""Everyday sentences. With fewer than a handful of categories the categories themselves cannot tell
how near an unrelated text comes; these can (`textshot.scoring.threshold`)."""

_JOINED = tuple(
    " ".join(GENERAL_TEXTS[start : start + n])
    for n in (3, 8, 20)
    for start in range(0, len(GENERAL_TEXTS) - n, n)
)

CALIBRATION_TEXTS = ("", *GENERAL_TEXTS, *_lines("calibration_texts.txt"), *_JOINED)
"""Some 260 texts of none to 250 tokens, on which the ranges of 8 bits are measured: of every kind
that people sort, and of no benchmark. What counts is that tokens of all sorts occur: in short and
long texts, polite and angry, tidy and torn."""
