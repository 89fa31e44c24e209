"""textshot explain: the explanation of the library, for people and for programs."""

import json
from dataclasses import asdict

import pytest

from textshot import Engine

TEXT = "my parcel has not come"


def test_json_is_the_explanation_of_the_library(run, index):
    found = [json.loads(line) for line in run("explain", index, TEXT, "--json").stdout.splitlines()]
    told = Engine.load(index).explain(TEXT)
    assert found == [
        json.loads(
            json.dumps({"text": TEXT, **asdict(told), "prediction": told.prediction.to_dict()})
        )
    ]
    assert found[0]["words"]


def test_people_see_the_answer_the_keys_and_the_words(run, index):
    told = Engine.load(index).explain(TEXT)
    best = told.prediction.matches[0]
    shown = run("explain", index, TEXT, "-n", "2").stdout.splitlines()
    assert shown[:2] == [TEXT, f"  late parcel: {told.reason}"]
    assert f'  {best.score:.3f}  late parcel, by its example "{best.key.text}"' in shown
    start = shown.index("  words that change the score of late parcel") + 1
    assert [line.split()[:2] for line in shown[start:]] == [
        [f"{word.score:+.3f}", word.text] for word in told.words[:2]
    ]


def test_an_unknown_one_says_why(run, index):
    shown = run("explain", index, "zzz qqq").stdout.splitlines()
    assert shown[1].startswith("  unknown: the best score")


def test_texts_come_from_stdin_too(run, index):
    by_hand = run("explain", index, TEXT, "zzz qqq").stdout
    assert run("explain", index, stdin=f"{TEXT}\nzzz qqq\n").stdout == by_hand


def test_a_private_index_shows_no_examples(run, tmp_path, index):
    engine = Engine.load(index)
    engine.save(tmp_path / "private", private=True)
    shown = run("explain", tmp_path / "private", TEXT).stdout
    assert "by its example (private)" in shown


@pytest.mark.parametrize("arguments", [("-k", "1"), ("-n", "-1")])
def test_wrong_numbers_are_wrong_usage(run, index, arguments):
    assert run("explain", index, TEXT, *arguments, code=2).exit_code == 2
