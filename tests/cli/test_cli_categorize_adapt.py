"""textshot categorize --adapt."""

import json
from pathlib import Path

import pytest

WORDS = ("parcel has", "money back", "log in", "on Saturday", "the job")


@pytest.fixture
def many():
    """Two hundred texts."""
    rows = [f"my {WORDS[i % 5]} number {i}" for i in range(200)]
    Path("many.csv").write_text("text\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return "many.csv"


def test_it_says_that_it_adapted(run, index, many):
    result = run("categorize", index, many, "-o", "out.csv", "--adapt")
    # The threshold of this index was given, and stays.
    assert result.stderr == (
        "adapted to 200 different texts of the input; threshold 0.250 -> 0.250\n"
        "summary: out.csv.run/summary.html\n"
    )
    assert "200 rows read, 200 written" in result.stdout


def test_a_threshold_of_this_run_is_not_talked_about(run, index, many):
    result = run("categorize", index, many, "-o", "out.csv", "--adapt", "--threshold", "0.3")
    assert result.stderr == (
        "adapted to 200 different texts of the input\nsummary: out.csv.run/summary.html\n"
    )


def test_it_says_why_it_did_not(run, index, inbox):
    result = run("categorize", index, inbox, "-o", "out.csv", "--adapt")
    assert result.stderr.splitlines()[0] == (
        "not adapted: 3 different texts are too few (50 are needed)"
    )


def test_json_says_so_too(run, index, many):
    result = run("categorize", index, many, "-o", "out.csv", "--adapt", "--json")
    assert json.loads(result.stdout)["adaptation"] == {"n_texts": 200, "reason": ""}


def test_standard_input_is_the_beginning_of_the_input(run, index, many):
    text = Path(many).read_text(encoding="utf-8")
    result = run(
        "categorize", index, "-", "--format", "csv", "-o", "out.csv", "--adapt", stdin=text
    )
    assert result.stderr.startswith("adapted to 200 different texts of the beginning of the input;")


def test_the_index_stays_as_it_was(run, index, many):
    before = {path.name: path.read_bytes() for path in Path(index).iterdir() if path.is_file()}
    run("categorize", index, many, "-o", "out.csv", "--adapt")
    after = {path.name: path.read_bytes() for path in Path(index).iterdir() if path.is_file()}
    assert after == before


def test_a_network_that_cannot_adapt_is_an_error_in_a_line(run, categories, many):
    run("index", categories, "-o", "made", "--encoder", "hashing", "--network", "memory")
    result = run("categorize", "made", many, "-o", "out.csv", "--adapt", code=1)
    assert "Index with --network matching to adapt" in result.stderr
    assert not Path("out.csv").exists()
