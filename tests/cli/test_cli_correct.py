"""textshot correct: one text, or a table of them."""

import json
from pathlib import Path

import pytest

from textshot import Engine

REVIEWED = (
    "text,label,who\n"
    "when is the courier open,late parcel,Ann\n"
    "the weather,,Ann\n"
    "the courier is rude,late parcels,Ben\n"
    "I want my money,refund request,Ann\n"
    ",late parcel,Ben\n"
    "the moon,unknown,Ben\n"
)


@pytest.fixture
def reviewed():
    Path("reviewed.csv").write_text(REVIEWED)
    return "reviewed.csv"


def answer(run, index, text):
    return json.loads(run("classify", index, text, "--json").stdout)["label"]


def test_one_text_is_corrected_and_the_next_answer_knows(run, index):
    assert answer(run, index, "when is the courier open") == "opening hours"
    result = run("correct", index, "when is the courier open", "late parcel")
    assert result.stdout == (
        "before         after        text\n"
        "opening hours  late parcel  when is the courier open\n"
        "1 correction, 1 answer changed\n"
        "index: 5 categories, 6 examples, generation 2\n"
        "threshold: 0.250 (given)\n"
    )
    assert result.stderr == ""
    assert answer(run, index, "when is the courier open") == "late parcel"
    again = run("correct", index, "when is the courier open", "opening hours")
    assert "late parcel  opening hours  when is the courier open\n" in again.stdout
    assert answer(run, index, "when is the courier open") == "opening hours"


def test_what_is_right_already_is_learnt_and_not_counted_as_changed(run, index):
    result = run("correct", index, "my parcel has not come yet", "late parcel")
    assert "1 correction, 0 answers changed" in result.stdout
    assert "5 categories, 5 examples, generation 2" in result.stdout


def test_a_table_is_corrected_at_once_and_rows_that_teach_nothing_are_reported(
    run, index, reviewed
):
    result = run("correct", index, "--from", reviewed)
    assert result.stdout == (
        "before          after           text\n"
        "opening hours   late parcel     when is the courier open\n"
        "refund request  refund request  I want my money\n"
        "2 corrections, 1 answer changed\n"
        "index: 5 categories, 7 examples, generation 2\n"
        "threshold: 0.250 (given)\n"
    )
    assert result.stderr == (
        "warning: reviewed.csv:6: the text is empty; skipped\n"
        "warning: reviewed.csv:4: no category 'late parcels' among the 5 of this index; did you"
        " mean 'late parcel'?; skipped\n"
        "2 rows without a label skipped\n"
    )
    assert answer(run, index, "when is the courier open") == "late parcel"
    examples = [e for c in Engine.load(index).categories for e in c.examples if e.correction_order]
    assert [(e.text, e.source, e.correction_order) for e in examples] == [
        ("when is the courier open", "correction", 1),
        ("I want my money", "correction", 2),
    ]


def test_json_says_the_same_for_a_program(run, index, reviewed):
    found = json.loads(run("correct", index, "--from", reviewed, "--json").stdout)
    assert found == {
        "index": "index",
        "generation": 2,
        "corrected": 2,
        "changed": 1,
        "skipped": 2,
        "rejected": 2,
        "threshold": {"before": 0.25, "after": 0.25},
        "right": None,
        "answers": [
            {
                "text": "when is the courier open",
                "before": "opening hours",
                "after": "late parcel",
            },
            {"text": "I want my money", "before": "refund request", "after": "refund request"},
        ],
    }
    one = json.loads(run("correct", index, "vvv www", "late parcel", "--json").stdout)
    assert one["answers"] == [{"text": "vvv www", "before": None, "after": "late parcel"}]
    assert one["generation"] == 3


def test_columns_are_named_and_stdin_is_read(run, index):
    rows = "subject\tbody\ttruth\nslow\tcourier\tlate parcel\nrude\tcourier\tnobody\n"
    options = ["--text-column", "subject,body", "--label-column", "truth", "--format", "tsv"]
    result = run("correct", index, "--from", "-", *options, stdin=rows)
    assert "1 correction, " in result.stdout
    assert "warning: <stdin>:3: no category 'nobody'" in result.stderr
    assert answer(run, index, "slow\ncourier") == "late parcel"


def test_the_output_of_categorize_can_be_corrected_with(run, index, inbox):
    run("categorize", index, inbox, "-o", "out.csv")
    text = Path("out.csv").read_text()
    Path("out.csv").write_text(text.replace("unknown", "opening hours"))
    result = run("correct", index, "--from", "out.csv", "--text-column", "text")
    assert "unknown         opening hours   zzz qqq\n" in result.stdout
    assert answer(run, index, "zzz qqq") == "opening hours"


@pytest.mark.parametrize(
    "rows", ["", "the weather,\nthe moon,unknown\n", "the courier is rude,late parcels\n"]
)
def test_where_nothing_is_to_be_learnt_nothing_is_written(run, index, rows):
    Path("r.csv").write_text("text,label\n" + rows)
    result = run("correct", index, "--from", "r.csv")
    assert result.stdout == "nothing to correct: index is unchanged\n"
    assert Engine.load(index).index.generation == 1
    found = json.loads(run("correct", index, "--from", "r.csv", "--json").stdout)
    assert (found["generation"], found["corrected"], found["answers"]) == (1, 0, [])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give a TEXT and its LABEL, or a table of them: --from FILE"),
        (["text"], 2, "give a TEXT and its LABEL, or a table of them: --from FILE"),
        (["text", "late parcel", "--from", "r.csv"], 2, "as an argument or with --from"),
        (["text", "--from", "r.csv"], 2, "as an argument or with --from, not both"),
        (["--from", "-"], 2, "name the format of stdin: --format"),
        (["text", "late parcels"], 1, "no category 'late parcels' among the 5 of this index; did"),
        ([" ", "unknown"], 1, "1 of 1 out-of-scope texts are empty"),
        ([" ", "late parcel"], 1, "category 'late parcel' has an empty example"),
        (["--from", "nowhere.csv"], 1, "nowhere.csv: there is no such file"),
        (["text", "late parcel", "--encoder", "./nowhere"], 1, "no encoder './nowhere'"),
    ],
)
def test_what_cannot_be_corrected_is_reported_and_changes_nothing(
    run, index, arguments, code, message
):
    result = run("correct", index, *arguments, code=code)
    assert message in result.stderr
    assert result.stdout == ""
    assert Engine.load(index).index.generation == 1


def test_another_writer_who_was_first_is_reported(run, index, monkeypatch):
    save = Engine.save

    def late(engine, *arguments, **options):
        save(Engine.load(index), index)
        return save(engine, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "save", late)
        result = run("correct", index, "when is the courier open", "late parcel", code=1)
    assert "is at generation 2, and was at 1 when it was read" in result.stderr
    assert result.stdout == ""
    assert answer(run, index, "when is the courier open") == "opening hours"


def test_a_private_index_is_corrected_and_keeps_no_text(run, categories):
    run("index", categories, "-o", "made", "--encoder", "hashing", "--private")
    run("correct", "made", "the courier is slow", "late parcel")
    assert answer(run, "made", "the courier is slow") == "late parcel"
    assert b"courier" not in b"".join(p.read_bytes() for p in Path("made").iterdir())


@pytest.mark.parametrize("network", ["matching", "prototypical", "siamese", "memory", "linear"])
def test_an_index_of_any_network_is_made_shown_and_corrected(run, categories, network):
    made = ["index", categories, "-o", "made", "--encoder", "hashing", "--network", network]
    shown = run(*made).stdout
    assert (f"network: {network}\n" in shown) == (network != "matching")
    assert f"network              {network}\n" in run("info", "made").stdout
    found = json.loads(run("info", "made", "--json").stdout)["network"]
    assert (found["name"], found["learned"]) == (network, False)
    assert json.loads(run(*made, "--json").stdout)["network"] == network
    run("correct", "made", "the courier is slow", "late parcel")
    assert answer(run, "made", "the courier is slow") == "late parcel"
    words = json.loads(run("classify", "made", "my money", "--json").stdout)
    [expected] = Engine.load("made").classify(["my money"])
    assert (words["label"], words["score"]) == (expected.label, pytest.approx(expected.score))


def test_a_network_that_is_not_there_is_wrong_usage(run, categories):
    made = ["index", categories, "-o", "made", "--encoder", "hashing", "--network", "deep"]
    assert "'deep' is not one of 'matching', 'prototypical'" in run(*made, code=2).stderr


def test_the_networks_of_the_option_are_those_of_the_library():
    from textshot.cli.options import NETWORK_NAMES
    from textshot.networks import NETWORKS

    assert list(NETWORK_NAMES) == list(NETWORKS)


def test_a_threshold_that_moves_is_printed_with_what_follows(run, categories):
    run("index", categories, "-o", "derived", "--encoder", "hashing", "--network", "none")
    before = Engine.load("derived").decision.threshold
    texts = [f"courier money open job pass word {i}" for i in range(20)]
    Path("twenty.csv").write_text("text,label\n" + "".join(f"{t},late parcel\n" for t in texts))
    line = run("correct", "derived", "--from", "twenty.csv").stdout.splitlines()[-1]
    after = Engine.load("derived").decision.threshold
    effect = "is unknown" if after > before else "gets an answer"
    assert f"{before:.3f}" != f"{after:.3f}"
    assert line == (
        f"threshold: {before:.3f} -> {after:.3f} (leave-one-category-out median); what scores"
        f" between the two {effect} from now on"
    )


def table(name, rows):
    lines = "".join(f"{text},{label}\n" for text, label in rows)
    Path(name).write_text(f"text,label\n{lines}")
    return name


COURIER = [(f"the courier number {i} is rude", "late parcel") for i in range(11)]


def test_ten_corrections_tell_what_each_gains_from_the_others(run, index):
    """The corrected texts themselves are answered rightly by definition."""
    odd = ("zzz yyy xxx", "job application")
    result = run("correct", index, "--from", table("reviewed.csv", [*COURIER, odd]))
    assert (
        "right before: 0 of 12; each answered without its own correction: 11 of 12"
        in result.stdout.splitlines()
    )
    again = run("correct", index, "--from", "reviewed.csv", "--json")
    assert json.loads(again.stdout)["right"] is None  # all were learned before


def test_an_evaluation_leaves_out_what_was_corrected(run, index):
    """The habit that reads 100 %: correct with a file, then evaluate on it."""
    new = [("parcel gone missing", "late parcel"), ("the weather", "unknown")]
    run("correct", index, "--from", table("reviewed.csv", COURIER))
    path = table("labelled.csv", [*COURIER, *new])
    result = run("evaluate", index, path)
    assert result.stderr == (
        "left out, as the index learned or was calibrated on them: 11 texts (--include-learned"
        " counts them, --holdout answers them without themselves)\n"
    )
    assert "1 text in scope" in result.stdout
    facts = json.loads(run("evaluate", index, path, "--json").stdout)
    assert (facts["n"], facts["n_learned"]) == (2, 11)
    included = run("evaluate", index, path, "--include-learned")
    assert "12 texts in scope" in included.stdout
    assert included.stderr == ""
    held_out = run("evaluate", index, path, "--holdout")
    assert held_out.stderr == "answered by an index that did not learn them: 11 texts\n"
    assert "12 texts in scope" in held_out.stdout
    alone = run("evaluate", index, "reviewed.csv", code=1)
    assert (
        "Error: the index learned or was calibrated on all labelled texts (11 in all)"
        in alone.stderr
    )
    adapted = run("evaluate", index, path, "--holdout", "--adapt", code=2)
    assert "--holdout changes the index for each text; leave out --adapt" in adapted.stderr


def test_a_private_index_knows_what_it_learned(run, categories):
    run("index", categories, "-o", "secret", "--encoder", "hashing", "--private")
    run("correct", "secret", "--from", table("reviewed.csv", COURIER))
    assert not any("courier number" in p.read_text("latin-1") for p in Path("secret").iterdir())
    path = table("labelled.csv", [*COURIER, ("parcel gone missing", "late parcel")])
    assert "calibrated on them: 11 texts (" in run("evaluate", "secret", path).stderr


def test_tune_leaves_out_what_was_learned_and_evaluate_what_was_tuned_on(run, index):
    rows = [(f"money back please number {i}", "refund request") for i in range(40)]
    run("correct", index, "--from", table("reviewed.csv", COURIER))
    result = run("tune", index, table("labelled.csv", [*rows, *COURIER]))
    assert result.stderr.startswith("left out, as the index learned them: 11 texts\n")
    assert "on these 40 texts: " in result.stdout
    more = table("more.csv", [*rows, ("parcel gone missing", "late parcel")])
    assert "calibrated on them: 40 texts (" in run("evaluate", index, more).stderr
