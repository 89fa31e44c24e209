"""The demo in an empty folder, completion of the shell, and what a person is told comes next."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from textshot.cli.demo import DATA
from textshot.io import TableOptions
from textshot.io.categories import read_categories, read_labelled_texts

ROOT = Path(__file__).parents[2]


def test_the_demo_shows_the_whole_way_and_its_commands_run_again(run):
    shown = run("demo", "try", "--encoder", "hashing").stdout
    commands = [line[len("$ textshot ") :] for line in shown.splitlines() if line[:1] == "$"]
    assert [command.split()[0] for command in commands] == [
        "index",
        "classify",
        "categorize",
        "evaluate",
    ]
    assert "try/index: 14 categories, 14 examples" in shown
    assert "60 rows read, 60 written to try/categorised.csv" in shown
    assert "accuracy" in shown
    assert {path.name for path in Path("try").iterdir()} >= {
        *DATA,
        "index",
        "categorised.csv",
        "categorised.csv.run",
        "report.html",
    }
    run(*commands[0].split())


def test_the_demo_runs_with_the_encoder_of_the_package(run):
    shown = run("demo").stdout
    assert "Pothole" in shown
    assert Path("textshot-demo/report.html").stat().st_size > 10_000


def test_the_demo_overwrites_nothing(run):
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    refused = run("demo", "mine", "--encoder", "hashing", code=1).stderr
    assert "mine exists already. Name a new or an empty folder" in refused
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]
    Path("empty").mkdir()
    run("demo", "empty", "--encoder", "hashing")


def test_the_data_of_the_demo_belong_together(run):
    folder = ROOT / "textshot" / "cli" / "demo_data"
    names = {c.name for c in read_categories(folder / "categories.csv")}
    labelled = read_labelled_texts(folder / "labelled.csv")
    assert {truth for truth in labelled.truths if truth} == names
    assert labelled.truths.count(None) == 12
    with TableOptions().open(folder / "requests.csv") as table:
        assert table.columns == ("ref", "date", "text")


def test_the_data_of_the_demo_come_with_the_package():
    # A wheel holds whatever lies in the package and is not ignored by git.
    assert 'packages = ["textshot"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    paths = [f"textshot/cli/demo_data/{name}" for name in DATA]
    done = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True)
    assert done.stdout == b""
    assert all((ROOT / path).stat().st_size for path in paths)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(run, shell):
    script = run("completion", shell).stdout
    assert f"_TEXTSHOT_COMPLETE={shell}_complete" in script
    assert "textshot completion bash" in run("--help").stdout
    assert "'tcsh' is not one of" in run("completion", "tcsh", code=2).stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_commands(run, tmp_path):
    script = tmp_path / "completion.sh"
    script.write_text(run("completion", "bash").stdout)
    lines = (
        f"source {script}; COMP_WORDS=(textshot cat); COMP_CWORD=1;"
        " _textshot_completion textshot; echo ${COMPREPLY[@]}"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", lines], capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert done.stdout.split() == ["categorize"], done.stderr


def on_a_terminal(*words):
    """Run `textshot` with a terminal as its output; return what is on the screen."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "textshot", *map(str, words)], stdout=child, stderr=child
    )
    os.close(child)
    shown = b""
    while True:
        try:
            block = os.read(parent, 4096)
        except OSError:  # the end, on Linux
            break
        if not block:
            break
        shown += block
    os.close(parent)
    assert process.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_a_person_is_told_once_what_comes_next(index, categories):
    labelled = Path("l.csv")
    labelled.write_text("text,label\nwhere is the parcel,late parcel\n")
    index_again = ("index", categories, "-o", "new index", "--encoder", "hashing")
    expected = {
        index_again: "next, to try it: textshot classify 'new index' 'a text of yours'",
        ("evaluate", index, labelled): "next, to see which texts are wrong: textshot evaluate",
        ("categorize", index, labelled, "-o", "out.csv"): "next, to correct the doubtful rows: ",
        ("correct", index, "the van is late", "late parcel"): "next, to see its categories: text",
    }
    for words, line in expected.items():
        shown = on_a_terminal(*words)
        assert shown.count("next, to ") == 1
        assert line in shown
    assert "next, to " not in on_a_terminal("evaluate", index, labelled, "--json")


def test_a_pipe_is_not_told_what_comes_next(run, index):
    Path("l.csv").write_text("text,label\nwhere is the parcel,late parcel\n")
    assert "next, to " not in run("evaluate", index, "l.csv").output
