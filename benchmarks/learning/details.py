"""Tables of the benchmark of learning: what matters, what it costs, SetFit beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.learning.cells import (
    ABLATED,
    ABLATION,
    COST_ROWS,
    COST_TEXTS,
    ONE_SET,
    SAME_AS_DEFAULT,
    SETS,
)
from benchmarks.learning.figures import BOTH, NOTHING, Cells, at, mean, shown, spread, std, table

ALPHAS = ("0.25", "0.5", "0.75", "1.0")
SETFIT_SETS, SETFIT_SHOTS, SETFIT_SEEDS = ("banking77", "hwu64"), (1, 2, 5), (0, 1, 2)
BORROWED = {"context-attention": "networks", "context-lstm": "networks", "keys-several": "networks"}
"""Rows whose cells another group makes."""


def ablation(cells: Cells) -> str:
    """Return one change to the default a row, beside the default."""
    defaults = {name: cells.get(f"folds-{name}-01", NOTHING) for name in ABLATED}
    frozen = [shown(at(cell, "frozen", BOTH, "mean")) for cell in defaults.values()]
    rows = [["(frozen)", *[value for f in frozen for value in (f, "")]]]
    rows.append(["default", *[v for cell in defaults.values() for v in _changed(cell, cell)]])
    for label in (*ABLATION, *BORROWED):
        row = [label]
        for name, default in defaults.items():
            cell = cells.get(f"{BORROWED.get(label, 'ablation')}-{name}-{label}", NOTHING)
            if (name, label) in SAME_AS_DEFAULT | ONE_SET:
                row += ["" if (name, label) in ONE_SET else "as default", ""]
            else:
                row += _changed(cell, default)
        rows.append(row)
    head = [text for name in ABLATED for text in (name, "against the default")]
    return table(["change", *head], rows)


def interpolation(cells: Cells) -> str:
    """Return the accuracy at each interpolation coefficient from old to trained weights."""
    rows = []
    for name in SETS:
        report = cells.get(f"folds-{name}-01", NOTHING).get("report", NOTHING)
        tried = [shown(100 * at(report, "tried", alpha)) for alpha in ALPHAS]
        taken = shown(at(report, "alpha"), ".2f")
        rows.append([name, shown(100 * at(report, "frozen")), *tried, taken])
    note = "As in validation: in bfloat16 where the CPU has it, the chosen one in float32.\n\n"
    return note + table(["set", "0 (frozen)", *ALPHAS, "chosen"], rows)


def cost(cells: Cells) -> str:
    """Return time and memory of the default, and how both grow with the data."""
    default = cells.get("folds-banking77-01", NOTHING)
    first = table(
        ["banking77 fold 01", ""],
        [
            ["seconds to the result", shown(at(default, "seconds"), ".0f")],
            ["peak memory, MiB", shown(at(default, "peak_mib"), ".0f")],
            ["threads", shown(at(default, "threads"), ".0f")],
        ],
    )
    steps = []
    for size in COST_TEXTS:
        cell = cells.get(f"cost-texts-{size}", NOTHING)
        figures = [shown(at(cell, "step_seconds"), ".3f"), shown(at(cell, "peak_mib"), ".0f")]
        steps.append([str(size), *figures])
    prepared = cells.get("cost-preparation", NOTHING).get("preparation", NOTHING)
    made = []
    for size in COST_ROWS:
        corpus, sampler = (at(prepared, str(size), part) for part in ("corpus", "sampler"))
        each = 1e6 * (corpus + sampler) / size
        made.append([str(size), shown(corpus, ".2f"), shown(sampler, ".3f"), shown(each, ".1f")])
    second = table(["training texts", "seconds per step (median)", "peak memory, MiB"], steps)
    head = ["rows", "seconds to a corpus", "seconds to the first episode", "microseconds per row"]
    return "\n".join([first, second, table(head, made)])


def setfit(cells: Cells) -> str:
    """Return SetFit and ours on the same draws; with names these are one example more."""
    rows = []
    for name in SETFIT_SETS:
        for n_shot in SETFIT_SHOTS:
            for setting in ("plain", "names"):
                found = [
                    cells.get(f"setfit-{name}-{n_shot}-{setting}-{seed}", NOTHING)
                    for seed in SETFIT_SEEDS
                ]
                keys = ("setfit", "logistic", "textshot_frozen")
                figures = [[at(cell, key) for cell in found] for key in keys]
                figures.append(_crossed(cells, name, f"{n_shot}-{setting}", found))
                shows = [spread(mean(values), std(values)) for values in figures]
                draws = str(sum(bool(cell) for cell in found))
                rows.append([name, str(n_shot), setting, draws, *shows])
    head = ["set", "examples", "names", "draws", "SetFit", "logistic, frozen", "textshot, frozen"]
    note = "A name is one more example of its category. ± the standard deviation over samples.\n\n"
    return note + table([*head, "textshot, trained on other sets"], rows)


def _crossed(cells: Cells, name: str, setting: str, found: list[Mapping[str, Any]]) -> list[float]:
    """Return the accuracy of the encoder that was trained on other sets, for the same seeds."""
    measured = cells.get(f"cross-{name}", NOTHING).get("trained", NOTHING).get(name, NOTHING)
    draws = measured.get(setting, NOTHING).get("draws", [])
    return [draws[c["seed"]] for c in found if c and c["seed"] < len(draws)]


def _changed(cell: Mapping[str, Any], default: Mapping[str, Any]) -> list[str]:
    value = at(cell, "trained", BOTH, "mean")
    if cell is default:
        return [shown(value), ""]
    note = " (nothing kept)" if cell.get("kept") is False else ""
    return [shown(value) + note, shown(value - at(default, "trained", BOTH, "mean"), "+.1f")]
