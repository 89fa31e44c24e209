"""Arguments, names of files, variables and streams are UTF-8, whatever the locale is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOCALES = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"},  # C, where the system does not have it
    {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="arguments are text on Windows")


def textshot(*arguments, env, code=0, stdin=""):
    done = subprocess.run(
        [sys.executable, "-m", "textshot", *arguments],
        input=stdin.encode(),
        capture_output=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("LC_")} | env,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("locale", LOCALES, ids=lambda env: "-".join(env.values()))
def test_texts_labels_columns_and_files_are_right_in_every_locale(index, locale):
    Path("Fälle.csv").write_text("Größe,文本\nXL,Päckchen fehlt\n", encoding="utf-8")
    textshot("labels", "add", index, "Päckchen und Briefe", "Päckchen 📦", env=locale)
    textshot("correct", index, "Wo ist mein Päckchen?", "Päckchen und Briefe", env=locale)
    stored = b"".join(path.read_bytes() for path in Path(index).glob("categories-*.jsonl"))
    assert "Päckchen 📦" in stored.decode()
    assert "Wo ist mein Päckchen?" in stored.decode()
    out = ("--text-column", "文本", "-o", "Ausgänge.csv")
    textshot("categorize", index, "Fälle.csv", *out, env=locale)
    assert "XL,Päckchen fehlt" in Path("Ausgänge.csv").read_text(encoding="utf-8-sig")
    shown = textshot("classify", index, env=locale, stdin="Päckchen 📦\n").stdout.decode()
    assert "Päckchen und Briefe" in shown
    assert "📦" in shown


def test_a_variable_is_read_as_utf8_too(index):
    Path("t.csv").write_text("Größe\nmy parcel\n", encoding="utf-8")
    env = LOCALES[0] | {"TEXTSHOT_CLASSIFY_TEXT_COLUMN": "Größe"}
    shown = textshot("classify", index, "-f", "t.csv", "--json", env=env).stdout
    assert json.loads(shown)["text"] == "my parcel"


@pytest.mark.parametrize("locale", [LOCALES[0], LOCALES[-1]], ids=["C", "UTF-8"])
def test_an_argument_that_is_not_utf8_is_wrong_usage(index, locale):
    for arguments in (["correct", index, b"P\xe4ckchen", "x"], ["classify", index, b"caf\xe9"]):
        error = textshot(*arguments, env=locale, code=2).stderr.decode()
        assert "is not UTF-8. Type it in a UTF-8 terminal" in error
    error = textshot("classify", index, "-f", "t.csv", "--text-column", b"\xe4", env=locale, code=2)
    assert b"--text-column" in error.stderr


def test_a_file_may_have_any_name(index, inbox):
    Path(inbox).rename(os.fsdecode(b"caf\xe9.csv"))
    textshot("classify", index, "-f", b"caf\xe9.csv", env=LOCALES[0])
