"""none of these: texts that fit no category, from a file, by labels, by a correction."""

import json
from pathlib import Path

import pytest

from textshot import Engine
from textshot.errors import EncoderNotFoundError

TEXT = "my parcel has not come yet"  # the example of "late parcel"
ROWS = 'id,text\n1,my parcel shelf\n2,"out of office\nuntil Monday"\n3,my parcel shelf\n'
TEXTS = ["my parcel shelf", "out of office\nuntil Monday"]


def label_of(run, index, text):
    return json.loads(run("classify", index, text, "--json").stdout)["label"]


def nothing_of(index):
    found = Engine.load(index).index.state.out_of_scope
    return [] if found is None else [(e.text, e.source) for e in found.examples]


@pytest.fixture
def others():
    """A table of texts that fit nothing."""
    Path("others.csv").write_text(ROWS, encoding="utf-8")
    return "others.csv"


@pytest.fixture
def made(run, categories, others):
    """An index with two texts that fit nothing, threshold 0.25."""
    options = ["--encoder", "hashing", "--threshold", "0.25"]
    result = run("index", categories, "-o", "made", *options, "--out-of-scope", others)
    assert result.stderr == ""
    assert result.stdout.startswith("made: 5 categories, 5 examples\n")
    return "made"


# index --out-of-scope


def test_what_is_in_the_file_is_unknown(run, made, index):
    assert label_of(run, index, TEXTS[0]) == "late parcel"
    assert label_of(run, made, TEXTS[0]) is None
    assert label_of(run, made, TEXT) == "late parcel"
    assert nothing_of(made) == [(text, "example") for text in TEXTS]


def test_abstaining_switched_off_stays_off(run, made):
    shown = run("classify", made, TEXTS[0], "--no-unknown", "--json").stdout
    assert json.loads(shown)["label"] == "late parcel"


def test_the_command_answers_as_the_library_does(run, made):
    texts = [*TEXTS, TEXT, "my shelf", "I want my money", "zzz qqq", "the parcel shelf of my car"]
    Path("in.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    run("categorize", made, "in.jsonl", "-o", "out.jsonl")
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    expected = [p.label for p in Engine.load(made).classify(texts)]
    assert [row["label"] for row in rows] == [label or "unknown" for label in expected]
    assert [label_of(run, made, text) for text in texts] == expected
    assert set(expected) == {None, "late parcel", "refund request"}


def test_a_row_that_cannot_be_used_is_reported_with_file_and_line(run, categories):
    Path("others.csv").write_text("id,text\n1,one\n2,two,three\n3,four\n")
    made = [
        "index",
        categories,
        "-o",
        "made",
        "--encoder",
        "hashing",
        "--out-of-scope",
        "others.csv",
    ]
    assert run(*made).stderr == ("warning: others.csv:3: has 3 fields, the header has 2; skipped\n")
    assert [text for text, _ in nothing_of("made")] == ["one", "four"]


def test_rows_without_a_text_teach_nothing(run, categories):
    Path("others.csv").write_text("id,text\n1,\n2,one\n3,  \n")
    run("index", categories, "-o", "made", "--encoder", "hashing", "--out-of-scope", "others.csv")
    assert nothing_of("made") == [("one", "example")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("o.txt", "one\ntwo\n"),
        ("o.csv", "only\none\ntwo\n"),
        ("o.tsv", "Text\tid\none\t1\ntwo\t2\n"),
        ("o.jsonl", '{"text": "one"}\n{"text": "two"}\n'),
    ],
)
def test_any_table_with_a_column_of_texts_will_do(run, categories, name, content):
    Path(name).write_text(content)
    run("index", categories, "-o", "made", "--encoder", "hashing", "--out-of-scope", name)
    assert [text for text, _ in nothing_of("made")] == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "others.csv: there is no such file"),
        ("", "others.csv: the file is empty"),
        ("a,b\n1,2\n", "others.csv: there is no column 'text'; it has 'a', 'b'"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_and_no_index_is_made(
    run, categories, content, message
):
    if content is not None:
        Path("others.csv").write_text(content)
    made = [
        "index",
        categories,
        "-o",
        "made",
        "--encoder",
        "hashing",
        "--out-of-scope",
        "others.csv",
    ]
    assert message in run(*made, code=1).stderr
    assert not Path("made").exists()


def test_a_private_index_has_their_texts_in_none_of_its_files(run, categories, others):
    options = ["--encoder", "hashing", "--threshold", "0.25", "--private"]
    run("index", categories, "-o", "made", *options, "--out-of-scope", others)
    stored = b"".join(p.read_bytes() for p in Path("made").iterdir())
    assert b"shelf" not in stored
    assert b"office" not in stored
    assert label_of(run, "made", TEXTS[0]) is None
    assert "unknown                 2\n" in run("labels", "list", "made").stdout
    last = json.loads(run("labels", "list", "made", "--json").stdout.splitlines()[-1])
    assert last["examples"] == [{"text": None, "source": "example"}] * 2


def test_indexed_again_without_the_file_they_are_gone(run, made, categories):
    run("index", categories, "-o", made, "--encoder", "hashing", "--threshold", "0.25")
    assert nothing_of(made) == []
    assert label_of(run, made, TEXTS[0]) == "late parcel"
    run("rollback", made)
    assert label_of(run, made, TEXTS[0]) is None


def test_info_says_how_many_there_are(run, made, index):
    assert "\nexamples             5\nout of scope         2\n" in run("info", made).stdout
    assert json.loads(run("info", made, "--json").stdout)["out_of_scope"] == 2
    assert json.loads(run("info", index, "--json").stdout)["out_of_scope"] == 0


# labels


@pytest.mark.parametrize("label", ["unknown", " Unknown "])
def test_labels_add_takes_texts_of_the_label_unknown(run, index, label):
    result = run("labels", "add", index, label, *TEXTS, TEXTS[0])
    assert (
        result.stdout == "index: 5 categories, 5 examples, generation 2\nthreshold: 0.250 (given)\n"
    )
    assert nothing_of(index) == [(text, "example") for text in TEXTS]
    assert label_of(run, index, TEXTS[0]) is None
    run("labels", "add", index, "unknown", TEXTS[0], "one more")
    assert sorted(text for text, _ in nothing_of(index)) == sorted([*TEXTS, "one more"])


def test_labels_list_shows_them_last(run, made):
    assert run("labels", "list", made).stdout.splitlines()[-2:] == [
        "refund request          1  I want my money back",
        "unknown                 2  my parcel shelf",
    ]


def test_labels_list_as_json_has_a_last_line_for_them(run, made, index):
    *categories, last = run("labels", "list", made, "--json").stdout.splitlines()
    assert json.loads(last) == {
        "label": None,
        "examples": [{"text": text, "source": "example"} for text in TEXTS],
    }
    others = run("labels", "list", index, "--json").stdout.splitlines()
    assert [json.loads(x)["label"] for x in categories] == [json.loads(x)["label"] for x in others]
    assert len(others) == 5


def test_labels_remove_forgets_one(run, made):
    result = run("labels", "remove", made, "Unknown", "--example", TEXTS[0])
    assert (
        result.stdout == "made: 5 categories, 5 examples, generation 2\nthreshold: 0.250 (given)\n"
    )
    assert nothing_of(made) == [(TEXTS[1], "example")]
    assert label_of(run, made, TEXTS[0]) == "late parcel"
    again = run("labels", "remove", made, "unknown", "--example", TEXTS[0], code=1)
    assert "known to fit no category (1 of them)" in again.stderr
    assert Engine.load(made).index.generation == 2


def test_one_is_removed_without_a_model_and_with_purge_from_every_file(run, made, monkeypatch):
    """Deleting somebody's text shall not wait for a model, nor fail because it is gone."""

    def gone(*_, **__):
        raise EncoderNotFoundError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("textshot.engine.encoder_identity.load_encoder", gone)
        run("labels", "remove", made, "unknown", "--example", TEXTS[0], "--purge")
    assert b"shelf" not in b"".join(p.read_bytes() for p in Path(made).iterdir())
    assert nothing_of(made) == [(TEXTS[1], "example")]


def test_changes_of_the_categories_keep_them(run, made):
    run("labels", "rename", made, "late parcel", "delayed delivery")
    run("labels", "merge", made, "login problem", "--into", "refund request")
    run("labels", "remove", made, "opening hours")
    run("labels", "add", made, "parcel", "my parcels")
    assert len(nothing_of(made)) == 2
    assert label_of(run, made, TEXTS[0]) is None


def test_no_category_is_renamed_to_what_they_are_called(run, made):
    result = run("labels", "rename", made, "late parcel", "unknown", code=1)
    assert "a category cannot be called 'unknown'" in result.stderr


# correct


@pytest.mark.parametrize("label", ["unknown", "UNKNOWN"])
def test_a_text_is_corrected_to_unknown_and_the_next_answer_knows(run, index, label):
    result = run("correct", index, TEXT, label)
    assert result.stdout == (
        "before       after    text\n"
        "late parcel  unknown  my parcel has not come yet\n"
        "1 correction, 1 answer changed\n"
        "index: 5 categories, 5 examples, generation 2\n"
        "threshold: 0.250 (given)\n"
    )
    assert result.stderr == ""
    assert label_of(run, index, TEXT) is None
    assert nothing_of(index) == [(TEXT, "correction")]


def test_to_and_fro_the_newest_correction_holds(run, index):
    for label in ("unknown", "late parcel", "unknown", "opening hours"):
        found = json.loads(run("correct", index, TEXT, label, "--json").stdout)
        after = None if label == "unknown" else label
        assert (found["answers"][0]["after"], found["corrected"]) == (after, 1)
        assert label_of(run, index, TEXT) == after
    assert nothing_of(index) == []


def test_rows_of_a_table_that_are_unknown_go_on_teaching_nothing(run, index):
    Path("r.csv").write_text(f"text,label\n{TEXT},unknown\nthe moon,\nthe courier,late parcel\n")
    result = run("correct", index, "--from", "r.csv")
    assert result.stderr == "2 rows without a label skipped\n"
    assert "1 correction, " in result.stdout
    assert nothing_of(index) == []
    assert label_of(run, index, TEXT) == "late parcel"


def test_what_categorize_could_not_answer_comes_back_unlearnt(run, made):
    Path("in.csv").write_text(f"text\nmy parcel shelf\n{TEXT}\nzzz qqq\n")
    run("categorize", made, "in.csv", "-o", "out.csv")
    result = run("correct", made, "--from", "out.csv", "--text-column", "text")
    assert "out.csv: the column 'label' stands beside score and margin" in result.stderr
    assert result.stderr.endswith("\n2 rows without a label skipped\n")
    assert nothing_of(made) == [(text, "example") for text in TEXTS]


# index --long-texts


@pytest.mark.parametrize(
    ("options", "recorded"),
    [([], "windows"), (["--long-texts", "windows"], "windows"), (["--long-texts", "cut"], None)],
)
def test_how_long_texts_are_read_is_recorded_where_they_are_not_cut(
    run, categories, options, recorded
):
    Path("c.csv").write_text("label\nrefund\nparcel\n")
    run("index", "c.csv", "-o", "made", "--network", "none", *options)
    spec = json.loads(run("info", "made", "--json").stdout)["encoder"]
    assert spec.get("long_texts") == recorded
    assert ("long_texts" in spec) is (recorded is not None)


def test_a_cut_text_says_the_same_as_its_beginning_and_goes_on_doing_so(run, categories):
    run("index", categories, "-o", "made", "--network", "none", "--long-texts", "cut")
    beginning = "when is the shop open on Saturday " * 40  # 280 tokens, of which 254 are read
    long = beginning + "my parcel has not come yet " * 200
    found = run("classify", "made", beginning, long, "--json").stdout.splitlines()
    scores = [json.loads(line)["score"] for line in found]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_there_is_no_third_way_to_read_long_texts(run, categories):
    result = run("index", categories, "-o", "made", "--long-texts", "some", code=2)
    assert "'some' is not one of 'windows', 'cut'" in result.stderr
