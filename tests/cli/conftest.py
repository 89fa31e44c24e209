"""Ways to run the command: in this process, and as a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from textshot.cli import main
from textshot.testing import toy_engine

CATEGORIES = (
    "label,text,description\n"
    "refund request,I want my money back,\n"
    "late parcel,my parcel has not come yet,The order is overdue.\n"
    'login problem,"I cannot log in, my password is wrong",\n'
    "opening hours,when is the shop open on Saturday,\n"
    "job application,I would like to apply for the job you advertised,\n"
)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    """Every test of the command runs in an empty folder, without variables of the developer.

    Those of `tests/conftest.py` stay: its cache is not the developer's, its encoder the reference.
    """
    monkeypatch.chdir(tmp_path)
    ours = ("TEXTSHOT_BACKEND", "TEXTSHOT_CACHE")
    for name in [n for n in os.environ if n.startswith("TEXTSHOT_") and n not in ours]:
        monkeypatch.delenv(name)


@pytest.fixture
def run():
    """Run `textshot ARGUMENTS...`; nothing but an exit may come out of it."""

    def invoked(*arguments, code=0, stdin=None, env=None):
        result = CliRunner().invoke(main, [str(a) for a in arguments], input=stdin, env=env)
        assert isinstance(result.exception, SystemExit | None), repr(result.exception)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return invoked


@pytest.fixture
def start():
    """Start `textshot ARGUMENTS...` as a process; options as for subprocess.Popen."""
    children = []

    def started(*arguments, **options):
        command = [sys.executable, "-m", "textshot", *map(str, arguments)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        children.append(subprocess.Popen(command, **(pipes | options)))
        return children[-1]

    yield started
    for child in children:
        if child.poll() is None:
            child.kill()
        with child:  # closes its pipes and waits
            pass


@pytest.fixture
def categories():
    """A file of five categories."""
    Path("categories.csv").write_text(CATEGORIES, encoding="utf-8")
    return "categories.csv"


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "index"
    toy_engine(threshold=0.25).save(folder)
    return folder


@pytest.fixture
def index(_made):
    """An index of five categories made with the hashing encoder, threshold 0.25."""
    shutil.copytree(_made, "index")
    return "index"


@pytest.fixture
def inbox():
    """A file of texts: a text of two lines, an empty one, one that fits nothing."""
    rows = ["id,text", "1,my parcel has not come", '2,"my money\nback"', "3,", "4,zzz qqq"]
    Path("inbox.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return "inbox.csv"
