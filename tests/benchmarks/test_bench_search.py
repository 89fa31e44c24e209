"""The benchmark of the index at size, on tiny sizes."""

import json

import numpy as np
import pytest

from benchmarks.search import __main__ as command
from benchmarks.search import measure, page, plot
from benchmarks.search.vectors import NOISE, SETS, encode, read
from textshot import load_encoder

SIZES = (3, 40)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    for name in SETS:
        for split in ("train", "test"):
            rows = [{"text": f"{name} {split} number {i}", "label": "x"} for i in range(30)]
            (folder / name).mkdir(exist_ok=True)
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / name / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    encode(folder, load_encoder("hashing"), folder / "seeds.npz")
    return folder / "seeds.npz"


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small = {"SIZES": SIZES, "BATCH": 20, "BLAS_SIZE": 40, "SINGLES": 5, "REPEATS": 2, "ROUNDS": 2}
    for module in (measure, command, page, plot):
        for name, value in small.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)


@pytest.fixture
def found(seeds):
    cells = {
        f"{kind} {size}": cell(seeds, size)
        for kind, cell in measure.CELLS.items()
        for size in SIZES
    }
    return {"cores": 2, "cells": cells}


def test_categories_are_texts_with_noise_and_those_of_fewer_are_the_first(seeds):
    vectors, queries = read(seeds, 1_500)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    with np.load(seeds) as made:
        nearest = (vectors @ made["texts"].T).max(axis=1)
        assert len(queries) == len(made["queries"]) == 60
    assert abs(nearest.mean() - 1 / np.sqrt(1 + NOISE**2)) < 0.01
    assert len({row.tobytes() for row in vectors}) == 1_500
    np.testing.assert_array_equal(read(seeds, 40)[0], vectors[:40])


def test_the_cells_hold_what_the_page_and_the_picture_show(found, tmp_path):
    for size in SIZES:
        cell = found["cells"][f"searching {size}"]
        assert cell["same_rows"]
        assert cell["furthest"] <= 1e-6
        assert found["cells"][f"changing {size}"]["disk_mib"] > 0
    assert set(found["cells"]["blas 40"]) == {"1", "3", "10"}
    json.dumps(found)
    text = page.page(found)
    assert "the same rows at 2 of 2 sizes" in text
    assert text.count("\n| 40 | ") == 2
    assert "| 3 | - " not in text
    plot.plot(found, tmp_path / "search.png")
    plot.plot({"cells": {}}, tmp_path / "nothing.png")
    assert [p.name for p in tmp_path.iterdir()] == ["search.png"]
    assert "| 40 | - | - " in page.page({"cores": 2, "cells": {}})


def test_an_answer_that_differs_is_reported(seeds):
    vectors, queries = read(seeds, 40)
    right, wrong = measure.NumpySearch(vectors), measure.NumpySearch(vectors[::-1].copy())
    assert measure._compared(vectors, queries, right, right)["same_rows"]
    assert not measure._compared(vectors, queries, right, wrong)["same_rows"]
    halved = measure.NumpySearch(vectors / np.float32(2))
    assert measure._compared(vectors, queries, halved, halved)["furthest"] > 0.1


def test_what_was_measured_is_not_measured_again(monkeypatch, tmp_path):
    asked = []

    def stop_at_the_fourth(data, kind, size):
        asked.append(f"{kind} {size}")
        if len(asked) == 4:
            raise KeyboardInterrupt
        return {"size": size}

    monkeypatch.setattr(command, "RESULTS", tmp_path / "search.json")
    monkeypatch.setattr(command, "_in_a_child", stop_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        command.measure(tmp_path)
    assert len(json.loads((tmp_path / "search.json").read_text())["cells"]) == 3
    command.measure(tmp_path)
    assert asked[4:] == [asked[3], "changing 3", "changing 40", "blas 40"]


def test_a_child_measures_one_cell(seeds, monkeypatch, capsys):
    monkeypatch.setattr(command, "SEEDS", seeds)
    monkeypatch.setattr("sys.argv", ["search", "--cell", "memory", "40"])
    command.main()
    cell = json.loads(capsys.readouterr().out)
    assert cell["peak_mib"] >= cell["ready_mib"] > 0


def test_without_data_the_command_says_so(monkeypatch):
    monkeypatch.setattr("sys.argv", ["search"])
    with pytest.raises(SystemExit, match="--data FOLDER"):
        command.main()
