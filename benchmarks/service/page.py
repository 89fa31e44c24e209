# ruff: noqa: E501  (the lines of the page)
"""The table of figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MINUTE = 60

HEAD = (
    "# The service under load: figures\n\nMade by `make bench-service DATA=folder`. The service has one core, the load generator the other. The encoder is"
    " all-MiniLM-L6-v2 in OpenVINO; the index has the 77 categories of banking77 with one example each. The generator sends at a constant rate, whatever the"
    " service answers, and latency counts from the time at which a request was due."
)


def page(found: dict[str, Any]) -> str:
    """Return the page."""
    cells = found["cells"]
    parts = [HEAD]
    parts += [_capacity(cells["capacity"])] if "capacity" in cells else []
    if any(name.startswith("load ") for name in cells):
        parts += [_loads(cells), "![Latency by load, and memory over time](images/service.png)"]
    parts += [_soak(cells["soak"])] if "soak" in cells else []
    parts += [_reloads(cells["reloads"])] if "reloads" in cells else []
    parts += [_stops(cells["stops"])] if "stops" in cells else []
    parts += [_same(cells["same"])] if "same" in cells else []
    return "\n\n".join(parts) + "\n"


def _capacity(cell: dict[str, Any]) -> str:
    bare = [b["rate"] for b in cell["bare"]]
    rows = [
        f"| the encoder alone, one large call | {cell['bare_rate']:.0f} ({min(bare):.0f} to"
        f" {max(bare):.0f}) | 100 % |"
    ]
    rows += [
        f"| the service, {each} text{'s' * (each != '1')} per request | {rate:.0f} |"
        f" {100 * cell['shares'][each]:.0f} % |"
        for each, rate in cell["rates"].items()
    ]
    kind = cell["bare"][0]["kind"]
    table = "\n".join(["| | texts/s | |", "|---|---|---|", *rows])
    return (
        "## Capacity\n\n"
        + table
        + f"\n\nThe encoder ({kind}) was measured before, between and after the runs. It takes"
        f" {cell['bare_p50']:.1f} ms for one text (p50)."
    )


def _loads(cells: dict[str, Any]) -> str:
    rows = []
    for name, cell in cells.items():
        if name.startswith("load "):
            taken, refused = cell["accepted"], cell["refused"]
            statuses = cell["statuses"]
            others = {k: v for k, v in statuses.items() if k not in ("200", "429")}
            rows.append(
                f"| {name[5:]} | {cell['rate']:.0f} | {cell['offered']:,} | {statuses.get('200', 0):,} |"
                f" {_times(taken)} | {statuses.get('429', 0):,} | {_times(refused)} | {others or 'none'} |"
                f" {_growth(cell['rss'])} | {cell['late'].get('p99', 0):.1f} |"
            )
    head = (
        "| load | requests/s | sent | answered | p50, p90, p99, max, ms | refused (429) | p50, p90, p99, max, ms"
        " | other statuses | MiB, start to end | generator late, p99, ms |"
    )
    return "\n".join(
        [
            "## Latency by load",
            "",
            "One text per request. The load is a share of the capacity.",
            "",
            head,
            "|" + "---|" * 10,
            *rows,
            "",
            "Each refusal has a Retry-After header.",
        ]
    )


def _soak(cell: dict[str, Any]) -> str:
    rss = cell["rss"]
    fifth = rss[min(5 * MINUTE, len(rss) - 1)]
    return (
        "## Memory over time\n\n"
        f"{len(rss) / MINUTE:.0f} minutes of texts of 1 to about 250 tokens at 0.8 of the capacity for them"
        f" ({cell['rate']:.1f} requests/s, {cell['offered']:,} in all; statuses {cell['statuses']}): {rss[0]:.0f} MiB at"
        f" the start, {fifth:.1f} after five minutes, {rss[-1]:.1f} at the end, **{rss[-1] - fifth:+.1f} MiB** since."
    )


def _reloads(cell: dict[str, Any]) -> str:
    return (
        "## Reloads under load\n\n"
        f"Two kinds of writers published {cell['generations']} generations; {cell['damaged']} damaged indexes were put in place"
        f" and repaired. {cell['requests']:,} requests, statuses {cell['statuses']}; {cell['refused_reloads']} reloads refused,"
        f" {cell['taken']} done. The answers came from {cell['answering']} generations; **{cell['wrong']} differ from the"
        f" library's answer for their generation** (largest difference of a score: {cell['largest_difference']:.1e})."
    )


def _stops(cell: dict[str, Any]) -> str:
    return (
        "## Stops under load\n\n"
        f"{cell['stops']} SIGTERMs: {cell['requests']:,} requests, {cell['statuses']}; **{cell['lost']} lost**. /readyz returned"
        f" 503 before the port closed in {cell['unready_first']} of {cell['stops']}. Exit codes: {cell['exit_codes']}."
    )


def _same(cell: dict[str, Any]) -> str:
    return (
        "## The same answers\n\n"
        f"{cell['texts']} texts compared with the library: over HTTP {cell['http_labels_differ']} labels differ, scores by"
        f" {cell['http_largest_difference']:.1e} at most; on the command line {cell['command_labels_differ']} labels differ,"
        f" scores by {cell['command_largest_difference']:.1e} at most."
    )


def _times(found: dict[str, float]) -> str:
    return ", ".join(f"{found[k]:,.1f}" for k in ("p50", "p90", "p99", "max")) if found else "-"


def _growth(rss: Sequence[float]) -> str:
    return f"{rss[0]:.0f} to {rss[-1]:.0f}" if rss else "-"
