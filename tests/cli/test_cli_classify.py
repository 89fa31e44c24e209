"""textshot classify: the answers of the library, for people and for programs."""

import json
from pathlib import Path

import pytest

from textshot import Engine

TEXTS = ["my parcel has not come", "zzz qqq"]


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_text_gets_a_line_with_label_score_and_margin(run, index):
    parcel, strange = Engine.load(index).classify(TEXTS)
    result = run("classify", index, *TEXTS)
    assert result.stdout == (
        "label        score  margin  text\n"
        f"late parcel  {parcel.score:.3f}   {parcel.margin:.3f}  my parcel has not come\n"
        f"unknown      {strange.score:.3f}   {strange.margin:.3f}  zzz qqq\n"
    )
    assert result.stderr == ""


def test_json_is_the_prediction_of_the_library(run, index):
    predictions = Engine.load(index).classify(TEXTS, k=2)
    found = lines(run("classify", index, *TEXTS, "--json", "-k", "2"))
    assert found == [
        json.loads(json.dumps({"text": text, **prediction.to_dict()}))
        for text, prediction in zip(TEXTS, predictions, strict=True)
    ]
    assert [f["label"] for f in found] == ["late parcel", None]
    assert found[0]["matches"][0]["key"]["kind"] == "example"


def test_texts_come_as_arguments_from_a_file_or_from_stdin_with_the_same_answers(run, index):
    Path("t.txt").write_text("\n".join(TEXTS))
    Path("t.csv").write_text("id,body\n1," + "\n2,".join(TEXTS))
    Path("t.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS))
    arguments = run("classify", index, *TEXTS, "--json").stdout
    assert run("classify", index, "--json", "--file", "t.txt").stdout == arguments
    assert run("classify", index, "--json", "-f", "t.jsonl").stdout == arguments
    from_table = ["-f", "t.csv", "--text-column", "body"]
    assert run("classify", index, "--json", *from_table).stdout == arguments
    assert run("classify", index, "--json", stdin="\n".join(TEXTS)).stdout == arguments
    assert run("classify", index, "--json", "-f", "-", stdin="\n".join(TEXTS)).stdout == arguments
    as_csv = run("classify", index, "--json", "--format", "csv", stdin="text\n" + "\n".join(TEXTS))
    assert as_csv.stdout == arguments


def test_many_texts_come_in_their_order(run, index):
    texts = [f"parcel {i}" for i in range(600)]  # more than one chunk
    found = lines(run("classify", index, "--json", stdin="\n".join(texts)))
    assert [f["text"] for f in found] == texts


def test_columns_can_be_joined(run, index):
    Path("t.csv").write_text("subject,body\nmy parcel,has not come\n")
    [found] = lines(
        run("classify", index, "-f", "t.csv", "--text-column", "subject, body", "--json")
    )
    assert found["text"] == "my parcel\nhas not come"


def test_rows_that_cannot_be_read_are_left_out_with_a_warning(run, index):
    Path("t.csv").write_text("text\nmy parcel\na,b,c\nmy money\n")
    result = run("classify", index, "-f", "t.csv", "--json")
    assert [f["text"] for f in lines(result)] == ["my parcel", "my money"]
    assert result.stderr.startswith("warning: t.csv:3: ")
    assert result.stderr.endswith("; skipped\n")


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ([], "late parcel"),
        (["--threshold", "0.99"], None),
        (["--threshold", "auto"], "late parcel"),
        (["--threshold", "-1"], "late parcel"),
        (["--threshold", "none"], "late parcel"),
    ],
)
def test_the_threshold_can_be_given(run, index, options, label):
    [found] = lines(run("classify", index, "my parcel", "--json", *options))
    assert found["label"] == label


@pytest.mark.parametrize("options", [["--no-unknown"], ["--threshold", "none"]])
def test_unknown_can_be_switched_off(run, index, options):
    found = lines(run("classify", index, "zzz", "", "--json", *options))
    assert None not in {f["label"] for f in found}
    assert {f["threshold"] for f in found} == {None}


@pytest.mark.parametrize("value", ["1.5", "-2", "high", "nan", "", "NONE"])
def test_a_threshold_that_is_none_is_wrong_usage(run, index, value):
    result = run("classify", index, "money", f"--threshold={value}", code=2)
    assert f"{value!r} is not auto, none or a cosine in -1 to 1" in result.stderr


@pytest.mark.parametrize("arguments", [["-k", "0"], ["-k", "x"], ["--format", "doc"], ["--nope"]])
def test_wrong_usage_ends_with_2_and_shows_how_to_get_help(run, index, arguments):
    result = run("classify", index, "money", *arguments, code=2)
    assert "Try 'textshot classify --help'" in result.stderr or "--help" in result.stderr


def test_texts_come_from_one_place_only(run, index):
    result = run("classify", index, "money", "-f", "t.csv", code=2)
    assert "give texts as arguments or with --file, not both" in result.stderr


def test_odd_texts_get_an_answer_and_stay_on_one_line(run, index):
    odd = ["", "two\nlines", "\x1b[31mred", "日本" * 30, "x" * 20_000]
    shown = run("classify", index, *odd).stdout.splitlines()
    assert len(shown) == 1 + len(odd)
    assert "\x1b" not in "".join(shown)
    assert "two lines" in shown[2]
    assert [f["text"] for f in lines(run("classify", index, *odd, "--json"))] == odd


def test_wide_letters_do_not_shift_the_columns(run):
    Path("c.csv").write_text("label,text\n日本語,荷物\nabc,money back\n", encoding="utf-8")
    run("index", "c.csv", "-o", "made", "--encoder", "hashing", "--no-unknown")
    header, first, second = run("classify", "made", "荷物", "money back").stdout.splitlines()
    assert header.startswith("label   score")
    assert first.startswith("日本語  ")
    assert second.startswith("abc     ")


def test_no_texts_at_all_give_no_answers(run, index):
    assert run("classify", index, "--json", stdin="").stdout == ""
    assert run("classify", index, stdin="").stdout == "label  score  margin  text\n"
