"""textshot labels: see and change categories."""

import json
from pathlib import Path

import pytest

from textshot import Engine
from textshot.errors import EncoderNotFoundError


def answer(run, index, text):
    return json.loads(run("classify", index, text, "--json").stdout)["label"]


def test_list_shows_each_category_with_an_example(run, index):
    assert run("labels", "list", index).stdout == (
        "category         examples  first example or description\n"
        "job application         1  I would like to apply for the job you advertised\n"
        "late parcel             1  my parcel has not come yet\n"
        "login problem           1  I cannot log in, my password is wrong\n"
        "opening hours           1  when is the shop open on Saturday\n"
        "refund request          1  I want my money back\n"
    )


def test_list_as_json_has_a_line_for_each_category(run, categories):
    Path("c.csv").write_text("label,text,description,team\na,one,what,t1\na,two,,\nb,,,\n")
    run("index", "c.csv", "-o", "made", "--encoder", "hashing")
    found = [
        json.loads(line) for line in run("labels", "list", "made", "--json").stdout.splitlines()
    ]
    assert found == [
        {
            "label": "a",
            "description": "what",
            "examples": [
                {"text": "one", "source": "example"},
                {"text": "two", "source": "example"},
            ],
            "threshold": None,
            "metadata": {"team": "t1"},
        },
        {"label": "b", "description": "", "examples": [], "threshold": None, "metadata": {}},
    ]


def test_a_private_index_is_listed_without_texts(run, categories):
    run("index", categories, "-o", "made", "--encoder", "hashing", "--private")
    assert "parcel has not come" not in run("labels", "list", "made").stdout
    found = json.loads(run("labels", "list", "made", "--json").stdout.splitlines()[1])
    assert found["examples"] == [{"text": None, "source": "example"}]
    assert found["description"] is None


def test_add_makes_a_category_that_is_answered(run, index):
    result = run("labels", "add", index, "price match", "the kettle is cheaper there", "cheaper")
    assert (
        result.stdout == "index: 6 categories, 7 examples, generation 2\nthreshold: 0.250 (given)\n"
    )
    assert answer(run, index, "the kettle is cheaper") == "price match"


def test_add_takes_a_name_alone_or_a_description(run, index):
    run("labels", "add", index, "spare parts", "--description", "Orders of single screws.")
    run("labels", "add", index, "gift wrapping")
    assert answer(run, index, "single screws") == "spare parts"
    assert answer(run, index, "gift wrapping please") == "gift wrapping"


def test_add_gives_a_category_that_is_there_more_examples(run, index):
    assert answer(run, index, "the courier is slow") != "late parcel"
    result = run("labels", "add", index, "late parcel", "the courier is slow")
    assert (
        result.stdout == "index: 5 categories, 6 examples, generation 2\nthreshold: 0.250 (given)\n"
    )
    assert answer(run, index, "the courier is slow") == "late parcel"


def test_remove_takes_categories_or_one_example(run, index):
    run("labels", "add", index, "late parcel", "the courier is slow")
    result = run("labels", "remove", index, "late parcel", "--example", "the courier is slow")
    assert (
        result.stdout == "index: 5 categories, 5 examples, generation 3\nthreshold: 0.250 (given)\n"
    )
    result = run("labels", "remove", index, "late parcel", "login problem")
    assert (
        result.stdout == "index: 3 categories, 3 examples, generation 4\nthreshold: 0.250 (given)\n"
    )
    assert answer(run, index, "my parcel has not come yet") != "late parcel"


def test_remove_with_purge_leaves_no_file_with_the_text(run, index):
    run("labels", "remove", index, "late parcel", "--purge")
    assert b"parcel" not in b"".join(p.read_bytes() for p in Path(index).iterdir())
    run("rollback", index, code=1)


def test_rename_and_merge_keep_the_examples(run, index):
    run("labels", "rename", index, "late parcel", "delayed delivery")
    assert answer(run, index, "my parcel has not come yet") == "delayed delivery"
    result = run("labels", "merge", index, "delayed delivery", "--into", "refund request")
    assert (
        result.stdout == "index: 4 categories, 5 examples, generation 3\nthreshold: 0.250 (given)\n"
    )
    assert answer(run, index, "my parcel has not come yet") == "refund request"


def test_the_last_category_can_go_and_everything_is_unknown_then(run, index):
    names = Engine.load(index).index.labels
    result = run("labels", "remove", index, *names)
    assert (
        result.stdout == "index: 0 categories, 0 examples, generation 2\nthreshold: 0.250 (given)\n"
    )
    assert answer(run, index, "money") is None
    run("labels", "add", index, "refund", "money back")
    assert answer(run, index, "money back") == "refund"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["remove", "late parcels"],
            1,
            "no category 'late parcels' among the 5 of this index; did",
        ),
        (["remove", "late parcel", "--example", "x"], 1, "no such example among its 1"),
        (["remove", "a", "b", "--example", "x"], 2, "--example belongs to one category"),
        (["remove"], 2, "Missing argument 'LABEL...'"),
        (["rename", "late parcel", "login problem"], 1, "'login problem' is there already"),
        (["rename", "late parcel", "unknown"], 1, "a category cannot be called 'unknown'"),
        (["rename", "late parcel"], 2, "Missing argument 'NEW'"),
        (["merge", "late parcel", "--into", "late parcel"], 1, "nothing to merge into"),
        (["merge", "late parcel"], 2, "Missing option '--into'"),
        (["add", "late parcel"], 2, "give an example to add"),
        (["add", "late parcel", "--description", "x"], 2, "--description is for a new one"),
        (["add", "late parcel", " "], 1, "category 'late parcel' has an empty example"),
        (["add", "new", ""], 1, "category 'new' has an empty example"),
        (["add", "unknown"], 2, "unknown takes out-of-scope texts, and no description"),
        (["add", "unknown", "x", "--description", "y"], 2, "unknown takes out-of-scope texts"),
        (["add", "unknown", "x", " "], 1, "1 of 2 out-of-scope texts are empty"),
        (["remove", "unknown"], 2, "name the text of unknown to remove: --example TEXT"),
        (["remove", "unknown", "--example", "x"], 1, "known to fit no category (0 of them)"),
        (["merge", "late parcel", "--into", "unknown"], 1, "no category 'unknown' among the 5"),
        (["add", ""], 1, "a category has an empty name"),
    ],
)
def test_what_cannot_be_changed_is_reported_and_changes_nothing(
    run, index, arguments, code, message
):
    before = run("labels", "list", index, "--json").stdout
    command, *others = arguments
    result = run("labels", command, index, *others, code=code)
    assert message in result.stderr
    assert result.stdout == ""
    assert run("labels", "list", index, "--json").stdout == before
    assert Engine.load(index).index.generation == 1


def test_another_encoder_is_refused(run, index):
    Path("c.csv").write_text("label\na\n")
    result = run("labels", "add", index, "x", "--encoder", "./nowhere", code=1)
    assert "there is no encoder './nowhere'" in result.stderr
    assert "Three ways to get one" in result.stderr


def test_a_category_is_removed_and_merged_without_its_model(run, index, monkeypatch):
    """Deleting somebody's text shall not wait for a model, nor fail because it is gone."""

    def gone(*_, **__):
        raise EncoderNotFoundError("gone")

    monkeypatch.setattr("textshot.engine.encoder_identity.load_encoder", gone)
    run("labels", "merge", index, "late parcel", "--into", "refund request", code=0)
    run("labels", "remove", index, "refund request", "--purge", code=0)
    assert "refund request" not in run("labels", "list", index).stdout
    assert "gone" in run("classify", index, "text", code=1).stderr


def test_merging_a_category_without_examples_says_that_nothing_of_it_is_left(run, index):
    run("labels", "add", index, "bare")
    merged = run("labels", "merge", index, "bare", "--into", "refund request")
    assert merged.stderr == "had no example, so nothing of it remains: bare\n"


def test_renaming_to_the_same_name_is_refused(run, index):
    result = run("labels", "rename", index, "late parcel", " late parcel ", code=1)
    assert "has that name already" in result.stderr


@pytest.mark.parametrize("label", [" late parcel ", "late parcel\t"])
def test_add_finds_a_category_whose_name_comes_with_blanks(run, index, label):
    run("labels", "add", index, label, "the courier is slow")
    found = Engine.load(index).index.state.entry("late parcel").category
    assert [e.text for e in found.examples] == ["my parcel has not come yet", "the courier is slow"]


def test_add_finds_a_category_whose_name_is_composed_in_another_way(run, index):
    run("labels", "add", index, "caf\u00e9", "an espresso")
    run("labels", "add", index, "cafe\u0301", "two cappuccinos")
    found = Engine.load(index).index.state.entry("caf\u00e9").category
    assert [e.text for e in found.examples] == ["an espresso", "two cappuccinos"]


def test_merging_says_what_is_lost_of_a_name_with_blanks_and_not_of_the_target(run, index):
    run("labels", "add", index, "bare")
    run("labels", "add", index, "target")
    merged = run("labels", "merge", index, " bare", "target", "late parcel", "--into", "target ")
    assert merged.stderr == "had no example, so nothing of it remains: bare\n"
