"""The page of the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.speed.engines import DEFAULT
from benchmarks.speed.measures import REPEATS

Found = Mapping[str, Any]
_MFLOP = 21.2  # per token, in the products with weights


def page(found: Found) -> str:
    """Return the page."""
    sets = sets_of(found)
    parts = [
        f"# Speed: figures\n\n{_about(found)}",
        _rates(found, sets),
        "![How many times as fast as sentence-transformers](images/speed.png)",
        _shares(sets["banking77"], found["limit"]),
        "Texts per second on banking77, by the number of texts in a call:\n\n"
        + _sizes(found["sizes"]),
        _memory(found["memory"]),
        _repeated(found["repeated"]),
        _starts(found["cold"]),
    ]
    return "\n\n".join(parts) + "\n"


def sets_of(found: Found) -> dict[str, Any]:
    """Return what was measured of each set."""
    return {name[4:]: one for name, one in found.items() if name.startswith("set ")}


def times(one: Found, name: str) -> float:
    """Return how many times as fast as sentence-transformers: the median of the repeats."""
    seconds = one["seconds"]
    return float(np.median(np.array(seconds[DEFAULT]) / np.array(seconds[name])))


def _about(found: Found) -> str:
    kinds = ", ".join(
        f"{n} ({s['n_texts']:,} texts of {s['n_tokens'] / s['n_texts']:.0f} tokens)"
        for n, s in sets_of(found).items()
    )
    filled = ", ".join(f"{100 * (s['waste'] - 1):.1f} %" for s in sets_of(found).values())
    return (
        f"Made by `make bench-speed DATA=folder` on {found['machine']['cores']} cores."
        f" all-MiniLM-L6-v2 on {kinds}, cut at 256 tokens. *docs/s*: best of {REPEATS}, all"
        f" interleaved in one run. *times*: speed relative to {DEFAULT} with default options, the"
        " median of the repeats. SetFit and FastFit have 77 classes. The static encoder is made by"
        f" `textshot distill`. Padding in the batches of textshot: {filled}."
    )


def _rates(found: Found, sets: Found) -> str:
    head = " | ".join(f"{n}, docs/s | times" for n in sets)
    lines = [f"| | {head} | one text, ms: p50, p99 |", f"|---|{'---|---|' * len(sets)}---|"]
    for name, single in found["single"].items():
        cells = [
            f"{one['n_texts'] / min(one['seconds'][name]):,.0f} | {times(one, name):.1f}"
            for one in sets.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {single['p50']:.1f}, {single['p99']:.1f} |")
    return "\n".join(lines)


def _shares(one: Found, limit: Mapping[str, float]) -> str:
    """Say how much of what the cores can multiply is used."""
    shown = []
    for name, kind in (("OpenVINO bf16", "bf16"), ("OpenVINO fp32", "fp32")):
        rate = one["n_tokens"] / min(one["seconds"][f"textshot, {name}"])
        share = 100 * _MFLOP * 1e6 * rate / (1e9 * limit[kind])
        shown.append(f"{name} {rate:,.0f} tokens/s, {share:.0f} % of {limit[kind]:.0f} GFLOP/s")
    return (
        "On banking77, compared with a product of 512 by 384 and 384 by 1,536 on the same cores:"
        f" {'; '.join(shown)} ({_MFLOP} MFLOP per token)."
    )


def _sizes(found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    lines = [f"| | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for name in next(iter(found.values())):
        rates = []
        for size, seconds in found.items():
            n_texts = min(512, 64 * int(size))
            rates.append(f"{n_texts / min(seconds[name]):,.0f}")
        lines.append(f"| {name} | {' | '.join(rates)} |")
    return "\n".join(lines)


def _memory(found: Mapping[str, float]) -> str:
    shown = ", ".join(f"{name} {size:,.0f} MB" for name, size in found.items())
    return f"Peak memory of a process that encodes the texts of ag_news: {shown}."


def _repeated(found: Found) -> str:
    once, ten = (min(found["seconds"][name]) for name in ("once", "ten times"))
    return (
        f"`categorize` of {found['n_texts']:,} texts of banking77: {once:.2f} s. A file"
        f" with each text ten times: {ten:.2f} s, {10 * once / ten:.1f} times as fast per row."
    )


def _starts(cold: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    shown = []
    for backend, each in cold.items():
        wall, processor = (min(x[kind] for x in each) for kind in ("wall", "processor"))
        shown.append(f"{backend} {wall:.2f} s ({processor:.2f} s of CPU time)")
    return f"`textshot classify` of one text in a new process, best of ten: {', '.join(shown)}."
