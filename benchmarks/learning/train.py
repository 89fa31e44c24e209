"""One cell of the benchmark of learning, in a process of its own: train, then measure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import load_fold, mix, save, without_domains
from benchmarks.learning.cells import MAX_TEXTS, MIXTURES, Cell
from benchmarks.learning.fit import Place, fit
from benchmarks.learning.measure import Encode, of_set, on_categories, remembered
from benchmarks.learning.targets import Target
from textshot import load_encoder
from textshot.networks import Network
from textshot.networks.store import load_network
from textshot.training.corpus import Splits
from textshot.training.train import VALID_SHARE


def fold_cell(cell: Cell, place: Place) -> dict[str, Any]:
    """Train on the categories of a fold; measure on its test categories, frozen and trained."""
    corpus = place.corpus(cell.about)
    splits = load_fold(place.data, corpus, cell.about, cell.fold)
    body = {"set": cell.about, "fold": cell.fold, "n_way": len(splits.test.names)}

    def measure(network: Network | None, encode: Encode) -> dict[str, Any]:
        known = of_set(encode, corpus) if network is None else encode
        return on_categories(network, known, splits.test)

    return body | trained(cell, place, splits, measure)


def mixture_cell(cell: Cell, place: Place) -> dict[str, Any]:
    """Train on a mixture of sets; measure on sets that are not in it."""
    mixture = MIXTURES[cell.about]
    parts = []
    for name in mixture.domains:
        corpus = place.corpus(name, MAX_TEXTS)
        if name in mixture.without:
            corpus = without_domains(place.data, corpus, name, mixture.without[name])
        parts.append((name, corpus))
    targets = {name: Target(place.data, name) for name in mixture.targets}
    body: dict[str, Any] = {"domains": {name: len(c.names) for name, c in parts}}
    body["without"] = {name: list(domains) for name, domains in mixture.without.items()}
    body["targets"] = {
        name: {"n_way": len(t.kinds), "n_test": len(t.tests)} for name, t in targets.items()
    }

    def measure(network: Network | None, encode: Encode) -> dict[str, Any]:
        return {name: target.figures(network, encode) for name, target in targets.items()}

    return body | trained(cell, place, mix(parts, valid=VALID_SHARE), measure)


def trained(
    cell: Cell,
    place: Place,
    splits: Splits,
    measure: Callable[[Network | None, Encode], dict[str, Any]],
) -> dict[str, Any]:
    """Train, unless that was done before, and measure, frozen and trained."""
    encoder, config = load_encoder(adapter=None, long_texts="cut", device="cpu"), place.config(cell)
    folder, done = places(cell, place)
    body: dict[str, Any] = json.loads(done.read_text(encoding="utf-8")) if done.exists() else {}
    if not body or body["report"]["config"] != json.loads(json.dumps(config.to_dict())):
        body = fit(encoder, splits, config, folder)
        save(done, body)
    body["kept"] = body["report"]["kept"]
    body["frozen"] = body["trained"] = measure(None, remembered(encoder, place.work))
    if body["kept"]:
        own = load_encoder(str(folder), long_texts="cut", device="cpu")
        body["trained"] = measure(load_network(folder), own.encode)
    return body


def places(cell: Cell, place: Place) -> tuple[Path, Path]:
    """Return the encoder's folder, and the file that says that it is trained."""
    work = place.work
    return work / "encoders" / cell.name, work / "reports" / f"{cell.name}.json"


def clean(cell: Cell, place: Place) -> None:
    """Delete the encoder of a cell that is measured and saved, unless it is to be kept."""
    folder, done = places(cell, place)
    done.unlink(missing_ok=True)
    if not place.keep:
        shutil.rmtree(folder, ignore_errors=True)
