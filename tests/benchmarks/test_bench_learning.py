"""The benchmark of learning: names of cells, what is left to do, and the tables. No training."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.data import load_corpus, load_fold, mix, save, without_domains
from benchmarks.learning import __main__ as learning
from benchmarks.learning.cells import GROUPS, MIXTURES, SETS, all_cells, missing
from benchmarks.learning.figures import at, both_spread, mean, read_cells, spread, std, table
from benchmarks.learning.tables import page
from benchmarks.learning.targets import Target, nearest
from textshot.networks import Prototypical
from textshot.training import TrainConfig

SETTINGS = ("example + name", "example", "name", "5-way 1-shot", "5-way 5-shot")


def _cell(frozen: float, trained: float, **more: object) -> dict:
    def side(value: float) -> dict:
        return {
            s: {"mean": value, "std": 1.5, "interval": [value - 1, value + 1]} for s in SETTINGS
        }

    return {"kept": True, "frozen": side(frozen), "trained": side(trained), **more}


def _write(folder, rows, name="train"):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_cells_have_unique_names_and_options_that_exist():
    cells = all_cells()
    assert sum(cell.group == "folds" for cell in cells.values()) == 15
    assert {cell.group for cell in cells.values()} == set(GROUPS) - {"setfit"}
    for name, cell in cells.items():
        assert name.startswith(f"{cell.group}-")
        TrainConfig(**cell.changes)
    assert cells["networks-hwu64-siamese-triplet"].changes["network"] == "siamese"
    assert cells["ablation-clinc150-ways-5"].fold == "01"
    assert "ablation-hwu64-ways-16" not in cells  # 16 categories: what the default does anyway


def test_no_mixture_holds_a_target_or_what_overlaps_it():
    for name in SETS:
        assert name not in MIXTURES[name].domains
    assert MIXTURES["banking77"].without == {"clinc150": ("banking", "credit_cards")}
    assert "banking77" not in MIXTURES["clinc150"].domains
    for mixture in MIXTURES.values():
        # These two share their origin.
        assert not {"hwu64", "massive_intent_en"}.issubset(mixture.domains + mixture.targets) or (
            {"hwu64", "massive_intent_en"}.isdisjoint(mixture.domains)
        )


def test_what_has_a_file_is_not_made_again(tmp_path):
    cells = all_cells()
    everything = missing(cells, ("folds",), tmp_path)
    save(tmp_path / "folds-banking77-01.json", {"cell": "folds-banking77-01"})
    left = missing(cells, ("folds",), tmp_path)
    assert [c.name for c in left] == [c.name for c in everything[1:]]
    assert [p.name for p in tmp_path.iterdir()] == ["folds-banking77-01.json"]


def test_cells_run_in_order_each_in_a_process_and_a_failure_stops_none(tmp_path, monkeypatch):
    asked = []

    def process(command, *, check):
        name = command[command.index("--cell") + 1]
        asked.append(name)
        failed = name == "cost-texts-1000"
        if not failed:
            save(tmp_path / "cells" / f"{name}.json", {"cell": name})
        return SimpleNamespace(returncode=int(failed))

    monkeypatch.setattr(learning.subprocess, "run", process)
    options = SimpleNamespace(
        only=["cost", "folds"], data="d", out=tmp_path, work="w", keep=False, trial=True
    )
    assert learning.run_all(options) == ["cost-texts-1000"]
    assert asked[0] == "folds-banking77-01"
    assert asked[-1] == "cost-preparation"
    asked.clear()
    learning.run_all(options)
    assert asked == ["cost-texts-1000"]


def test_numbers_that_are_not_there_are_nan_and_shown_as_a_dash():
    assert math.isnan(at({}, "frozen", "mean"))
    assert math.isnan(mean([]))
    assert mean([1.0, math.nan, 3.0]) == 2.0
    assert std([1.0, math.nan, 3.0]) == pytest.approx(math.sqrt(2))
    assert spread(70.04, math.nan) == "70.0"
    assert spread(70.04, 1.23) == "70.0 ± 1.2"
    assert both_spread({}, "name") == ["-", "-", "-"]
    assert both_spread(_cell(70.0, 74.0), "name") == ["70.0 ± 1.5", "74.0 ± 1.5", "+4.0"]
    assert table(["a", "b"], [["1", "-"]]) == "| a | b |\n| --- | --- |\n| 1 | - |\n"


def test_page_of_nothing_names_every_fold_network_and_target():
    text = page({})
    assert "| banking77 | 01 | - | - | - | - | - |" in text
    for what in ("siamese-triplet", "20newsgroups", "dropout-0.3", "80000", "mean of 0"):
        assert what in text


def test_page_shows_folds_networks_targets_and_setfit():
    cells = {f"folds-hwu64-0{i}": _cell(60.0 + i, 70.0 + i, n_way=25) for i in range(1, 6)}
    cells["networks-hwu64-memory"] = _cell(61.0, 61.0) | {"kept": False}
    cells["ablation-hwu64-layers-1"] = _cell(61.0, 69.5)
    cells["setfit-hwu64-1-names-1"] = {
        "seed": 1, "setfit": 60.0, "logistic": 61.0, "textshot_frozen": 64.0,
    }  # fmt: skip
    target = {"1-names": {"mean": 65.0, "std": 2.0, "draws": [1.0, 66.5, 3.0]}}
    both = {"hwu64": target, "massive_intent_en": target}
    cells["cross-hwu64"] = {"kept": True, "frozen": both, "trained": both}
    text = page(cells)
    assert "| hwu64 | 01 | 25 | 61.0 ± 1.5 | 71.0 ± 1.5 | +10.0 | yes |" in text
    assert "| hwu64 | mean |  | **63.0** | **73.0** | **+10.0** |  |" in text
    assert "| hwu64 | 63.0 ± 1.0 | 73.0 ± 1.0 | +10.0 |" in text  # 5-way, half an interval
    assert "| memory | - | 61.0 (nothing kept) | - |" in text
    assert "| layers-1 | 69.5 | -1.5 | - |  |" in text
    assert "| 65.0 ± 2.0 | 65.0 ± 2.0 | +0.0 | yes |" in text
    assert "| hwu64 | 1 | names | 1 | 60.0 | 61.0 | 64.0 | 66.5 |" in text


def test_tables_are_made_of_the_cells_that_are_there(tmp_path):
    save(tmp_path / "cells" / "folds-hwu64-01.json", _cell(61.0, 71.0))
    assert at(read_cells(tmp_path / "cells")["folds-hwu64-01"], "trained", "name", "mean") == 71.0
    learning.write_tables(tmp_path)  # without a group there is nothing to draw
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["cells", "learning.md"]


def test_sets_folds_and_mixtures_are_read_and_kept_apart(tmp_path):
    kinds = ("a", "b", "c", "d", "e", "f", "g", "h")
    rows = [(f"{word} {kind}", kind) for kind in kinds for word in ("red", "blue", "green")]
    _write(tmp_path / "banking77", rows)
    _write(tmp_path / "banking77", [("one more a", "a")], "test")
    corpus = load_corpus(tmp_path, "banking77")
    assert (len(corpus), len(corpus.names)) == (25, 8)
    assert set(load_corpus(tmp_path, "banking77", max_per_category=2).counts.tolist()) == {2}
    folds = tmp_path / "banking77" / "folds" / "01"
    folds.mkdir(parents=True)
    for part, own in (("train", "abc"), ("valid", "de"), ("test", "fgh")):
        (folds / f"classes_{part}.txt").write_text("\n".join(own) + "\n", encoding="utf-8")
    assert load_fold(tmp_path, corpus, "banking77", "01").test.names == ("f", "g", "h")
    with pytest.raises(SystemExit, match="classes_train"):
        load_fold(tmp_path, corpus, "banking77", "02")
    domains = {"money": ["a", "b"], "rest": ["c"]}
    (tmp_path / "banking77" / "domains.json").write_text(json.dumps(domains), encoding="utf-8")
    rest = without_domains(tmp_path, corpus, "banking77", ("money",))
    assert rest.names == kinds[2:]
    splits = mix([("one", corpus), ("two", rest)], valid=0.25)
    assert splits.train.domain_names == splits.valid.domain_names == ("one", "two")
    assert len(splits.train.names) + len(splits.valid.names) == 14
    assert np.bincount(splits.valid.domains).tolist() == [2, 2]


def test_a_target_is_measured_on_its_whole_test_split(tmp_path):
    _write(tmp_path / "hwu64", [(f"{kind}{i}", kind) for kind in "ab" for i in range(5)])
    _write(
        tmp_path / "hwu64", [("a9", "a"), ("b9", "b"), ("b8", "b"), ("a in disguise", "b")], "test"
    )

    def by_letter(texts):
        return np.array([[1, 0] if text[0] == "a" else [0, 1] for text in texts], np.float32)

    found = Target(tmp_path, "hwu64").figures(None, by_letter)
    assert set(found) == {"0-names", *(f"{n}-{s}" for n in (1, 2, 5) for s in ("names", "plain"))}
    assert {len(found[setting]["draws"]) for setting in found} == {1, 10}
    assert {found[setting]["mean"] for setting in found} == {75.0}


def test_nearest_is_the_mean_of_name_and_examples():
    queries = np.array([[1, 0], [0, 1], [0.8, 0.6]], np.float32)
    names = np.array([[1, 0], [0, 1]], np.float32)
    none = np.empty((2, 0, 2), np.float32)
    assert nearest(Prototypical(), queries, names, none).tolist() == [0, 1, 0]
    away = np.array([[[0, -1]], [[1, 0]]], np.float32)  # pulls the second category to the query
    assert nearest(Prototypical(), queries, names, away).tolist() == [0, 1, 1]
    assert nearest(Prototypical(), queries, None, away).tolist() == [1, 1, 1]


def test_the_page_in_the_docs_is_made_of_the_cells():
    cells = read_cells(learning.RESULTS / "cells")
    shown = (learning.RESULTS.parents[2] / "docs" / "learning-figures.md").read_text("utf-8")
    assert page(cells) == shown
