"""textshot train."""

from __future__ import annotations

import csv
import json
import shlex
import signal
import sys
from pathlib import Path

import pytest
from tiny_learner import TOPICS, easy_rows, write_tiny_model

from textshot import load_encoder
from textshot.cli import progress
from textshot.networks import make_network
from textshot.networks.store import save_network
from textshot.testing import HashingEncoder

QUICK = ("--ways", "12", "--lr", "0.01", "--layers", "1")
STEPS = ("--steps", "20")
SECONDS = 60


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    import torch

    torch.set_num_threads(1)
    return str(write_tiny_model(tmp_path_factory.mktemp("cli") / "tiny"))


def write_rows(path, rows, header=("label", "text")):
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def history():
    return write_rows("history.csv", [(label, text) for text, label in easy_rows()])


@pytest.fixture
def train(run, tiny):
    def trained(*arguments, code=0, steps=STEPS, **options):
        named = ("--encoder", tiny)
        return run("train", *arguments, *named, *QUICK, *steps, code=code, **options)

    return trained


def one_error(result, *parts):
    """One line that starts with Error, no other: nothing else went wrong."""
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert result.stderr.splitlines()[-1] == errors[0]
    for part in parts:
        assert part in errors[0]
    assert result.stdout == ""


def test_from_history_to_answers(run, train, history):
    result = train(history, "-o", "encoders/support")
    first, last = result.stdout.splitlines()
    assert first.startswith("held-out categories (8, the name and one example of each): frozen ")
    assert last == (
        "encoders/support: written. Use it: textshot index CATEGORIES --encoder encoders/support"
    )
    told = result.stderr.splitlines()
    assert told[0] == "history.csv: 192 texts of 32 categories, from 192 rows"
    assert told[1].startswith("step 20 of 20: loss ")
    assert "held-out categories" in told[1]
    assert "(frozen " in told[1]
    write_rows("categories.csv", [(label, text) for text, label in easy_rows(TOPICS[32:], 1)])
    indexed = run("index", "categories.csv", "-o", "my-index", "--encoder", "encoders/support")
    assert "16 categories" in indexed.stdout
    asked = easy_rows(TOPICS[32:], 2, seed=9)
    answers = run(
        "classify", "my-index", *[text for text, _ in asked], "--json", "--threshold", "none"
    )
    found = [json.loads(line)["label"] for line in answers.stdout.splitlines()]
    right = sum(label == truth for label, (_, truth) in zip(found, asked, strict=True))
    assert right > 0.6 * len(asked)


def test_twice_gives_the_same_fingerprint(train, history):
    train(history, "-o", "one")
    train(history, "-o", "two")
    one, two = load_encoder("one"), load_encoder("two")
    assert one.fingerprint == two.fingerprint


def test_json(train, history, tiny):
    result = train(history, "-o", "out", "--json")
    [line] = result.stdout.splitlines()
    found = json.loads(line)
    assert (found["output"], found["kept"]) == ("out", True)
    assert found["encoder"] == f"folder {Path(tiny).name}"  # what it started from
    assert found["gain"] == pytest.approx(found["tuned"] - found["frozen"])
    assert found["config"]["n_way"] == 12
    assert json.loads(Path("out/textshot.json").read_text())["extra"]["gain"] == found["gain"]


def test_nothing_is_texts_on_stderr(train, history):
    rows = [(label, f"secret {text}") for text, label in easy_rows()]
    rows += [("tba", "a secret that both have"), ("tbe", "a secret that both have")]
    rows += [("", "a secret without a label"), ("alone", "a secret of its own")]
    result = train(write_rows("more.csv", rows), "-o", "out")
    assert "secret" not in result.output
    assert "more.csv: 1 categories with fewer than 2 texts, left out: 'alone'" in result.stderr
    assert "more.csv: 1 rows without a label, left out" in result.stderr


def _refuse(outcome, final):
    outcome.refused = "the gain is not more than one standard error"


def test_no_gain_is_an_error_and_nothing_is_there(train, history, monkeypatch):
    monkeypatch.setattr("textshot.training.loop.Outcome.guard", _refuse)
    before = sorted(Path().iterdir())
    result = train(history, "-o", "out", code=1)
    assert (
        "Error: nothing was written: the gain is not more than one standard error." in result.stderr
    )
    assert result.stdout.startswith("held-out categories")
    assert sorted(Path().iterdir()) == before
    result = train(history, "-o", "out", "--json", code=1)
    found = json.loads(result.stdout)
    assert (found["output"], found["kept"]) == (None, False)


def test_a_loss_that_is_no_number_is_reported(train, history, monkeypatch):
    monkeypatch.setattr("textshot.training.step.Step.gradients", lambda self, step: float("nan"))
    result = train(history, "-o", "out", code=1)
    assert (
        "stopped at step 0 of 20: the loss of step 0 is nan; a lower learning rate may help"
        in result.output
    )
    assert "Error: nothing was written: " in result.stderr
    assert sorted(p.name for p in Path().iterdir()) == ["history.csv"]


def test_several_tables_are_several_domains(train, history):
    rows = [(label, text) for text, label in easy_rows(TOPICS[24:], noises=1)]
    result = train(history, write_rows("other.csv", rows), history, "-o", "out", "--json")
    found = json.loads(result.stdout)
    assert list(found["domains"]) == ["history.csv", "other.csv"]
    assert (found["n_train"], found["n_valid"]) == (24 + 18, 8 + 6)


def test_no_file_of_an_encoder_tells_where_it_was_made(train, history, tiny, tmp_path):
    Path("sub").mkdir()
    rows = [(label, text) for text, label in easy_rows(TOPICS[24:], noises=1)]
    paths = [Path(history).absolute(), Path(write_rows("sub/history.csv", rows)).absolute()]
    result = train(*paths, "-o", tmp_path / "out", "--json")
    assert list(json.loads(result.stdout)["domains"]) == ["history.csv (1)", "history.csv (2)"]
    for path in (tmp_path / "out").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for place in (tmp_path, Path(tiny).parent, Path.home()):
            assert str(place).encode() not in data, path


def test_a_split_file(train, history):
    parts = [(topic, "valid") for topic in TOPICS[:8]] + [(topic, "TEST") for topic in TOPICS[8:10]]
    split = write_rows("split.csv", parts, ("label", "part"))
    found = json.loads(train(history, "-o", "out", "--split", split, "--json").stdout)
    assert (found["n_train"], found["n_valid"]) == (22, 8)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([("tba", "valid")], "valid has 1 categories; 2 are needed at least"),
        ([("tba", "valid"), ("nobody", "valid")], "'nobody': not among the 32 categories"),
        ([("tba", "judge")], "split.csv:2: 'judge' is not one of train, valid, test"),
        ([("tba", "valid"), ("tba", "train")], "'tba': in train and in valid"),
        ([("tba", "train"), ("tbe", "train")], "valid has 0 categories"),
        ([], "the file that splits the categories has no row"),
    ],
)
def test_a_split_that_cannot_be(train, history, parts, message):
    split = write_rows("split.csv", parts, ("label", "part"))
    one_error(train(history, "-o", "out", "--split", split, code=1), message)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (
            [(label, text) for text, label in easy_rows(texts=1)],
            ["no category has 2 different texts (32 categories, 32 texts)", "textshot index"],
        ),
        (
            [(label, text) for text, label in easy_rows(TOPICS[:3])],
            ["3 categories cannot be split"],
        ),
        ([], ["no labelled text to learn from: 0 texts of 0 categories, from 0 rows"]),
        ([("unknown", "a"), ("", "b")], ["no labelled text to learn from"]),
    ],
)
def test_texts_that_cannot_be_learned_from(train, rows, parts):
    write_rows("history.csv", rows)
    one_error(train("history.csv", "-o", "out", code=1), *parts)
    assert sorted(p.name for p in Path().iterdir()) == ["history.csv"]


def test_a_table_that_is_not_there_or_none(train, history):
    one_error(train("nowhere.csv", "-o", "out", code=1), "nowhere.csv")
    Path("odd.csv").write_text("name,thing,more\na,b,c\n")
    one_error(train("odd.csv", "-o", "out", code=1), "odd.csv", "label")


def test_an_output_that_is_there(train, history):
    Path("out").mkdir()
    one_error(train(history, "-o", "out", code=1), "no encoder that textshot trained")
    train(history, "-o", "ours")
    one_error(train(history, "-o", "ours", code=1), "Use --overwrite")
    train(history, "-o", "ours", "--overwrite")
    one_error(train(history, "-o", ".", code=1), "exists and is no encoder that textshot trained")


def test_an_encoder_that_cannot_learn(run, history):
    one_error(
        run("train", history, "-o", "out", "--encoder", "hashing", code=1),
        f"{HashingEncoder().name!r} has no layers to train",
    )
    result = run("train", history, "-o", "out", "--encoder", "./nowhere", code=1)
    assert "Error: there is no encoder './nowhere'" in result.stderr
    assert sorted(p.name for p in Path().iterdir()) == ["history.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layers", "9"), "9 layers cannot be trained: the encoder has 3"),
        (("--setting", "scale=3"), "no setting 'scale'"),
        (("--network", "siamese", "--setting", "margin=nan"), "margin"),
        (("--network", "siamese", "--setting", "margin=1e999"), "margin"),
    ],
)
def test_options_that_cannot_be_done(train, history, options, message):
    one_error(train(history, "-o", "out", steps=(*STEPS, *options), code=1), message)
    assert sorted(p.name for p in Path().iterdir()) == ["history.csv"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("train", "history.csv"),
        ("train", "-o", "out"),
        ("train", "history.csv", "-o", "out", "--network", "bayes"),
        ("train", "history.csv", "-o", "out", "--layers", "0"),
        ("train", "history.csv", "-o", "out", "--layers", "top"),
        ("train", "history.csv", "-o", "out", "--setting", "context"),
        ("train", "history.csv", "-o", "out", "--lr", "2"),
        ("train", "history.csv", "-o", "out", "--steps", "5"),
        ("train", "history.csv", "-o", "out", "--minutes", "0"),
        ("train", "history.csv", "-o", "out", "--ways", "1"),
        ("train", "history.csv", "-o", "out", "--lr", "-1"),
        ("train", "history.csv", "-o", "out", "--hard", "2"),
        ("train", "history.csv", "-o", "out", "--shots", "0"),
        ("train", "history.csv", "-o", "out", "--steps", "many"),
        ("train", "history.csv", "-o", "out", "--nonsense"),
    ],
)
def test_wrong_usage(run, history, arguments):
    assert run(*arguments, code=2).stdout == ""


def test_settings_reach_the_network(train, history):
    told = ("--setting", "context=attention", "--setting", "steps=2")
    found = json.loads(train(history, "-o", "out", *told, "--json").stdout)
    assert found["config"]["settings"] == {"context": "attention", "steps": 2}
    beside = json.loads(Path("out/textshot.json").read_text())["settings"]
    assert (beside["context"], beside["steps"]) == ("attention", 2)


def test_columns_and_formats(train):
    rows = [{"topic": label, "body": text} for text, label in easy_rows()]
    Path("history.data").write_text("\n".join(map(json.dumps, rows)))
    named = ("--label-column", "topic", "--text-column", "body", "--format", "jsonl")
    assert "written" in train("history.data", "-o", "out", *named).stdout


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(train, history, monkeypatch):
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    told = train(history, "-o", "out").stderr.splitlines()
    reading = [line for line in told if line.startswith("encoding: ")]
    learning = [line for line in told if line.startswith("steps: ")]
    assert reading[-1].startswith("encoding: 224 done, ")
    assert "100 %, 0 minutes left" in reading[-1]
    assert learning[0] == "steps: 0 done, 0 a second"
    assert learning[-1].startswith("steps: 20 done, ")
    assert "\x1b" not in "".join(told)


def test_the_next_command_gets_the_prompt(train, history):
    result = train(history, "-o", "out", "--prompt", "tba nbe: ")
    assert result.stdout.endswith("--encoder out --prompt 'tba nbe: '\n")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_keeps_the_state_and_the_same_command_goes_on(run, start, history, tiny):
    long = ("--steps", "120")
    command = ["train", history, "-o", "my encoder", "--encoder", tiny, *QUICK, *long]
    child = start(*command, "--restart")
    told = []
    for line in child.stderr:
        told.append(line.decode())
        if line.startswith(b"step 50 of 120"):
            child.send_signal(signal.SIGINT)
            break
    out, err = child.communicate(timeout=SECONDS)
    lines = [line for line in err.decode().splitlines() if line and not line.startswith("step ")]
    assert child.returncode == 1
    assert out == b""
    assert lines == [
        f"stopped; progress is saved. Resume with: textshot {shlex.join(command)}",
        "Aborted!",
    ]
    assert not Path("my encoder").exists()
    assert (Path(".my encoder.training") / "checkpoint.safetensors").is_file()
    again = shlex.split(lines[0].split("textshot ")[1])
    result = run(*again)
    assert any(line.startswith("resuming at step ") for line in result.stderr.splitlines())
    assert sorted(p.name for p in Path().iterdir()) == ["history.csv", "my encoder"]


def test_an_unfinished_run_of_other_options(train, history, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("textshot.training.loop.Run.choose", interrupted)
        result = train(history, "-o", "out", code=1)
    assert "stopped; progress is saved. Resume with: textshot " in result.stderr
    assert result.stderr.rstrip().endswith("Aborted!")
    one_error(train(history, "-o", "out", "--seed", "1", code=1), "Use --restart to discard it")
    train(history, "-o", "out", "--seed", "1", "--restart")
    assert sorted(p.name for p in Path().iterdir()) == ["history.csv", "out"]


def test_index_and_evaluate_say_that_the_encoder_knows_the_categories(run, tmp_path):
    """As if an encoder was trained on these categories: accuracy is that of known ones."""
    folder = write_tiny_model(tmp_path / "trained")
    first, second, third = TOPICS[:3]
    save_network(folder, make_network("matching"), {"categories": [first, third]})
    write_rows("categories.csv", [(first, f"{first} x"), (second, f"{second} x")])
    message = "the encoder was trained on 1 of the 2 categories: on these it is more accurate"
    result = run("index", "categories.csv", "-o", "index", "--encoder", str(folder))
    assert message in result.stderr
    write_rows("labelled.csv", [(first, f"x {first} x"), (second, f"x {second} x")])
    assert message in run("evaluate", "index", "labelled.csv").stderr
