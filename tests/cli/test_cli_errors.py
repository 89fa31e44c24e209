"""What goes wrong ends with one clear line, exit code 1, and nothing changed."""

from pathlib import Path

import pytest

from textshot.index.disk import files


def test_bad_categories_are_reported_and_no_index_is_made(run):
    cases = {
        "name,x,text\na,b,c\n": "c.csv: there is no column 'label'; it has 'name', 'x', 'text'.",
        "label,text,x\na,b,\n,,c\n": "c.csv:3: the row has no label, and no text either.",
        "label,text\nunknown,b\n": "c.csv has only texts of the label unknown and no category.",
        "label,text,description\na,b,\nunknown,,What?\n": "c.csv:3: unknown is no category",
        "label,text\n": "c.csv has a header but no category.",
    }
    for content, message in cases.items():
        Path("c.csv").write_text(content)
        result = run("index", "c.csv", "-o", "made", "--encoder", "hashing", code=1)
        assert result.stderr.startswith(f"Error: {message}")
        assert result.stderr.count("\n") == 1
        assert not Path("made").exists()
    assert "there is no such file" in run("index", "no.csv", "-o", "made", code=1).stderr


def test_a_label_without_text_and_without_names_is_reported(run):
    Path("c.csv").write_text("label,text\na,b\nc,\n")
    options = ["--encoder", "hashing", "--no-names"]
    result = run("index", "c.csv", "-o", "made", *options, code=1)
    assert "category 'c' has no example and no description, and names are left" in result.stderr
    assert not Path("made").exists()


COMMANDS = [
    ["classify", "{}", "money"],
    ["categorize", "{}", "inbox.csv", "-o", "out.csv"],
    ["evaluate", "{}", "inbox.csv", "--label-column", "id"],
    ["labels", "list", "{}"],
    ["labels", "add", "{}", "a", "b"],
    ["labels", "remove", "{}", "a"],
    ["labels", "rename", "{}", "a", "b"],
    ["labels", "merge", "{}", "a", "--into", "b"],
    ["info", "{}"],
    ["rollback", "{}"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("place", ["nowhere", "empty", "inbox.csv", "foreign"])
def test_what_is_not_an_index_is_reported_by_every_command(run, inbox, command, place):
    Path("empty").mkdir()
    Path("foreign").mkdir()
    Path("foreign", "index.json").write_text('{"some": "json"}')
    result = run(*(word.format(place) for word in command), code=1)
    assert result.stderr.splitlines()[-1].startswith(("Error: ", "Index again"))
    assert place in result.stderr
    assert not Path("out.csv").exists()
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("command", COMMANDS[:8], ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_damaged_index_never_answers(run, index, inbox, command, damage):
    [vectors] = Path(index).glob("vectors-*")
    data = vectors.read_bytes()
    if damage == "missing":
        vectors.unlink()
    else:
        changed = data[:-100] if damage == "truncated" else data[:-1] + bytes([data[-1] ^ 1])
        vectors.write_bytes(changed)
    result = run(*(word.format(index) for word in command), code=1)
    assert "damaged" in result.stderr
    assert result.stdout == ""


def test_an_index_goes_into_no_folder_with_other_things_and_under_no_missing_one(run, categories):
    Path("mine").mkdir()
    Path("mine", "diary.txt").write_text("dear diary")
    options = ["--encoder", "hashing"]
    result = run("index", categories, "-o", "mine", *options, code=1)
    assert "mine is a folder with other things in it ('diary.txt')" in result.stderr
    result = run("index", categories, "-o", "no/where", *options, code=1)
    assert "no/where" in result.stderr
    result = run("index", categories, "-o", categories, *options, code=1)
    assert "categories.csv" in result.stderr
    assert [p.name for p in Path("mine").iterdir() if p.name != ".lock"] == ["diary.txt"]


def test_another_encoder_than_the_index_was_made_with_is_refused(run, index):
    result = run("classify", index, "money", "--encoder", "./nowhere", code=1)
    assert "there is no encoder './nowhere'" in result.stderr


def test_options_that_hashing_has_not_are_refused(run, categories):
    options = ["--encoder", "hashing", "--prompt", "query: "]
    result = run("index", categories, "-o", "made", *options, code=1)
    assert "hashing has no revision, prompt, max_length or adapter" in result.stderr


def test_a_second_writer_is_refused_and_changes_nothing(run, index, categories, monkeypatch):
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.1)
    before = run("labels", "list", index).stdout
    with files.writers_lock(Path(index)):
        for command in (
            ["labels", "add", index, "new"],
            ["labels", "remove", index, "late parcel"],
            ["index", categories, "-o", index, "--encoder", "hashing"],
            ["rollback", index],
        ):
            result = run(*command, code=1)
            assert "another process has been writing index for" in result.stderr
            assert "Nothing was changed; try again when it is done" in result.stderr
        # Reading needs no lock.
        assert run("labels", "list", index).stdout == before
    run("labels", "add", index, "new")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "Error: out of memory; try a smaller file or batch"),
        (OSError(28, "No space left on device", "x"), "Error: No space left on device: x"),
        (OSError("odd"), "Error: odd"),
        (
            UnicodeEncodeError("ascii", "é", 0, 1, "no"),
            "Error: the output is ascii",
        ),
    ],
)
def test_errors_of_the_system_are_one_line(run, index, monkeypatch, error, message):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("textshot.engine.engine.Engine.classify", fail)
    result = run("classify", index, "money", code=1)
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["classify", "index", "-5 degrees"],
        ["correct", "index", "-5 degrees", "late parcel"],
        ["explain", "index", "-- what"],
        ["labels", "add", "index", "late parcel", "-5 degrees"],
    ],
)
def test_a_text_that_begins_with_a_dash_is_told_where_to_go(run, words):
    refused = run(*words, code=2).stderr
    assert "No such option" in refused
    assert 'begins with a dash comes after --, as in: -- "-5 degrees"' in refused


def test_a_text_that_begins_with_a_dash_is_a_text_after_two(run, index):
    assert "-5 degrees" in run("classify", index, "--", "-5 degrees").stdout
