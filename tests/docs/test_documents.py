"""Every block of the guides is run, in order, or says why not."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from documents import agrees, blocks, loaded_once, run, run_python, steps

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
WITH_BLOCKS = [name for name in PAGES if any(True for _ in blocks(ROOT / "docs" / name))]
SUPPORT = ROOT / "examples" / "support"


@pytest.fixture(scope="module", autouse=True)
def _one_thread_and_each_model_once():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with loaded_once():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def _index(tmp_path_factory):
    from textshot import Engine
    from textshot.io.categories import read_categories

    folder = tmp_path_factory.mktemp("documents") / "my-index"
    Engine.build(read_categories(SUPPORT / "categories.csv")).save(folder)
    return folder


@pytest.fixture
def _a_readers_folder(tmp_path, monkeypatch, _index):
    """What the guides take for granted: the example set under short names, and some files."""
    monkeypatch.chdir(tmp_path)
    Path("examples").symlink_to(ROOT / "examples")
    shutil.copytree(_index, "my-index")
    for name in ("categories.csv", "inbox.csv", "labelled.csv"):
        shutil.copy(SUPPORT / name, name)
    shutil.copy(SUPPORT / "inbox.csv", "week-2.csv")
    rows = list(csv.DictReader((SUPPORT / "labelled.csv").read_text("utf-8").splitlines()))
    reviewed = [("text", "label"), *((row["text"], row["label"]) for row in rows[:5])]
    other = [("text",), *((row["text"],) for row in rows if not row["label"])]
    for name, table in {"reviewed.csv": reviewed, "other-mails.csv": other}.items():
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(table)
    routes = {"routes": [{"name": "late parcel", "utterances": ["my parcel is late"]}]}
    Path("router.yaml").write_text(json.dumps(routes), encoding="utf-8")
    Path("data.json").write_text('{"refund": ["pay me back"]}', encoding="utf-8")
    Path("train.jsonl").write_text('{"text": "pay me back", "label": 0}\n', encoding="utf-8")
    Path("config_setfit.json").write_text('{"labels": ["refund"]}', encoding="utf-8")


@pytest.mark.usefixtures("_a_readers_folder")
@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_the_blocks_of_a_guide_do_what_they_show(name):
    for block in blocks(ROOT / "docs" / name):
        where = f"{name}:{block.line}"
        if block.reason:
            continue
        for command in block.before:
            run(command)
        if block.language == "python":
            run_python(block.body, where)
            continue
        for command, shown in steps(block):
            printed = run(command)
            if shown is not None:
                assert agrees(printed, shown), f"{where}: {command}\n{printed}"


def test_what_is_not_run_says_why():
    for name in WITH_BLOCKS:
        for block in blocks(ROOT / "docs" / name):
            assert not block.reason or len(block.reason.split()) > 3, f"{name}:{block.line}"


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb", "a\nb\n", True),
        ("a\nx\ny\nb\n", "a\n...\nb\n", True),
        ("a\nx\n", "a\n...\n", True),
        ("a\nx\n", "a\n", False),
        ("a 1\n", "a 2\n", False),
        ("", "", True),
    ],
)
def test_what_is_shown_is_compared_line_by_line(printed, shown, same):
    assert agrees(printed, shown) == same
