"""Jobs for tests: inputs of many rows, and what a run left, as bytes."""

from __future__ import annotations

import csv
from pathlib import Path

WORDS = ["parcel", "money", "late", "login", "password", "shop", "open", "job", "card", "my", "not"]


def text_of(i):
    chosen = (WORDS[(i * step + i // 7) % len(WORDS)] for step in (1, 3, 5, 8))
    return f"{' '.join(chosen)} {i % 9973}"


def write_rows(path, n_rows, *, bad_every=97):
    """Rows with an id and a text; now and then one whose text is empty."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for i in range(n_rows):
            writer.writerow([i, "" if i % bad_every == bad_every - 1 else text_of(i)])


def content(folder):
    """All files below a folder and what is in them, but for the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name != "lock"
    }
