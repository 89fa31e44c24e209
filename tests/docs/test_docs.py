"""What the documents and examples show is what happens."""

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from documents import loaded_once

from textshot.cli import main

ROOT = Path(__file__).parents[2]
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def _each_model_once():
    with loaded_once():
        yield


@pytest.fixture(autouse=True)
def _in_an_empty_folder_with_the_examples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("examples").symlink_to(ROOT / "examples")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run(command):
    """Run `command [| tail -n N]`; textshot in this process, where its imports are paid already."""
    first, _, rest = command.partition(" | ")
    words = shlex.split(first)
    if words[0] != "textshot":
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout
    result = CliRunner().invoke(main, words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    if not rest:
        return result.stdout
    return subprocess.run(
        shlex.split(rest), check=True, input=result.stdout, capture_output=True, text=True
    ).stdout


def test_the_console_blocks_of_the_readme_print_what_they_show():
    blocks = CONSOLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) == 1
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", blocks[0], re.MULTILINE):
        assert run(command) == shown, command


def test_the_demo_of_the_makefile_runs_where_nothing_is_yet():
    """Its recipe in an empty folder, with the installed textshot in the place of .venv's."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ndemo:")[1].split("\n\n")[0]
    shown = ""
    for line in recipe.splitlines()[1:]:
        shown += run(line.strip().removeprefix("@").replace("$(BIN)/", ""))
    assert "150 rows read, 150 written to demo-out/categorised.csv" in shown
    assert re.search(r"^accuracy +\d+\.\d %", shown, re.MULTILINE)
    assert Path("demo-out/categorised.csv").read_text(encoding="utf-8").count("T-1") >= 150


def test_the_python_of_the_readme_prints_what_it_shows(capsys):
    [block] = PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    exec(compile(block, "README.md", "exec"), {})  # our own document
    assert "# " + capsys.readouterr().out.strip() == block.strip().splitlines()[-1]


EXAMPLES = {
    "library": "late parcel: my package should have been here on Monday (nearest: the ",
    "router": "please pay me back: to refunds\nnice weather today: to a person\n",
    "scikit_learn": "accuracy of the best of 24: 0.",
    "spacy_pipeline": "invoice request: And please send me an invoice for the order.\nof 22 ",
}
IN_A_PROCESS = {"datasets_map": "late parcel: ", "workflow": "3: 150 of 150 rows written\n"}
"""Those whose libraries warn, or keep what they did for a whole process."""


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_examples_run(name, capsys):
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert EXAMPLES[name] in capsys.readouterr().out
    every = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
    assert sorted(EXAMPLES | IN_A_PROCESS) == every


def run_example(name, *words):
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_example_of_datasets_runs():
    assert IN_A_PROCESS["datasets_map"] in run_example("datasets_map")


def test_the_example_of_a_workflow_runs_and_does_nothing_twice(tmp_path):
    shutil.copy(ROOT / "examples" / "support" / "inbox.csv", tmp_path / "inbox-3.csv")
    assert IN_A_PROCESS["workflow"] in run_example("workflow", 3, tmp_path)
    assert (tmp_path / "categorised-3.csv").read_text("utf-8").count("T-1") >= 150
    assert IN_A_PROCESS["workflow"] not in run_example("workflow", 3, tmp_path)


def test_the_pipe_counts_what_comes_in():
    texts = "my parcel is late\nwhere is my parcel, it is late\nquantum\n"
    folder = Path(sys.executable).parent
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / "pipe.sh")],
        check=True,
        capture_output=True,
        text=True,
        input=texts,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "INDEX": str(ROOT / "indexes/support"),
        },
    )
    assert done.stdout.split() == ["2", "late", "parcel", "1", "unknown"]


def test_the_links_of_the_readme_lead_somewhere():
    """Those of the guides are checked by `make docs`."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", (ROOT / path).read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in heads}


def test_annotations_are_shipped():
    assert (ROOT / "textshot" / "py.typed").is_file()


def test_every_command_is_in_the_guides():
    pages = [page for page in (ROOT / "docs").glob("*.md") if page.name != "cli.md"]
    guide = "".join(page.read_text(encoding="utf-8") for page in pages)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [name for name in main.commands if name != "labels"]
    names += [f"labels {name}" for name in main.commands["labels"].commands]
    for name in names:
        assert f"textshot {name}" in guide + readme, name


def test_the_benchmark_table_in_the_docs_is_the_measured_one():
    measured = (ROOT / "benchmarks" / "results" / "oneshot.md").read_text(encoding="utf-8")
    assert measured in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def test_the_demo_index_says_what_a_new_one_says():
    words = ["classify", "--json", "--file", "examples/support/labelled.csv"]
    made = CliRunner().invoke(main, [*words[:1], str(ROOT / "indexes" / "support"), *words[1:]])
    assert made.exit_code == 0, made.output
    run("textshot index examples/support/categories.csv -o new")
    new = CliRunner().invoke(main, [*words[:1], "new", *words[1:]])
    first, again = (json.loads(each.stdout.splitlines()[0]) for each in (made, new))
    assert list(first) == list(again)
    for what in ("score", "margin", "threshold"):  # another machine, other last bits
        assert first[what] == pytest.approx(again[what], abs=1e-5)
    labels = re.compile(r'"label": ("[^"]*"|null), "labels"')
    assert labels.findall(made.stdout) == labels.findall(new.stdout)
