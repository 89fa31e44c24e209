"""textshot index, info, rollback."""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from two_topics import ENCODER, two_topic_categories

from textshot import Engine
from textshot.testing import HashingEncoder, toy_categories

GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "index"
OPAQUE_NAMES = (
    'the names say nothing about the examples (like "c17"), so they count as 0.57 of an example.'
    " Say what they mean in a column 'description', or ignore them with --no-names\n"
)


def test_index_makes_an_index_and_says_what_it_holds(run, categories):
    result = run("index", categories, "-o", "made", "--encoder", "hashing")
    threshold = Engine.load("made").decision.threshold
    assert result.stdout == (
        "made: 5 categories, 5 examples\n"
        "encoder: hashing (hashing)\n"
        f"threshold: {threshold:.3f} (leave-one-category-out median)\n"
    )
    assert result.stderr == ""


def test_index_again_makes_a_new_generation(run, categories):
    run("index", categories, "-o", "made", "--encoder", "hashing")
    again = run("index", categories, "-o", "made", "--encoder", "hashing")
    assert again.stdout.startswith(
        "made: 5 categories, 5 examples, generation 2, see `textshot rollback`\n"
    )


def test_json_says_the_same_for_a_program(run, categories):
    made = json.loads(
        run("index", categories, "-o", "made", "--encoder", "hashing", "--json").stdout
    )
    engine = Engine.load("made")
    assert made == {
        "index": "made",
        "generation": 1,
        "categories": 5,
        "examples": 5,
        "encoder": "hashing",
        "encoder_fingerprint": HashingEncoder().fingerprint,
        "network": "matching",
        "name_weight": asdict(engine.index.state.name_weight),
        "attention_share": 0.0,
        "threshold": engine.decision.threshold,
        "threshold_method": "leave-one-category-out median",
        "threshold_is_a_guess": False,
    }
    assert set(made["name_weight"]) == {"weight", "t_statistic"}
    nameless = ["index", categories, "-o", "made", "--encoder", "hashing", "--no-names", "--json"]
    assert json.loads(run(*nameless).stdout)["name_weight"] is None


def test_one_category_only_needs_a_threshold_of_yours(run):
    Path("one.csv").write_text("label,text\nrefund,money back\n")
    words = ["index", "one.csv", "-o", "made", "--encoder", "hashing"]
    refused = run(*words, code=1)
    assert "one.csv has only one category, 'refund'" in refused.stderr
    assert not Path("made").exists()
    given = run(*words, "--threshold", "0.3")
    assert given.stderr == ""
    assert given.stdout.startswith("made: 1 category, 1 example\n")
    assert "threshold: 0.300 (given)" in given.stdout
    assert json.loads(run("classify", "made", "money back", "--json").stdout)["label"] == "refund"


def test_few_categories_make_the_threshold_a_guess_wherever_it_is_shown(run):
    Path("two.csv").write_text("label,text\nrefund,money back\nparcel,where is it\n")
    made = run("index", "two.csv", "-o", "made", "--encoder", "hashing")
    assert made.stderr == (
        "with 2 categories the threshold is a guess: try it on your own texts, and set it with"
        " --threshold\n"
    )
    assert "(background sentences, 95 %, a guess)" in made.stdout
    assert "(background sentences, 95 %, a guess)" in run("info", "made").stdout
    removed = run("labels", "remove", "made", "refund")
    assert "(background sentences, 95 %, a guess)" in removed.stdout


def test_texts_of_another_column_are_not_passed_over_in_silence(run):
    Path("c.csv").write_text("label,subject,body\na,one,two\nb,three,four\n")
    words = ["index", "c.csv", "-o", "made", "--encoder", "hashing"]
    refused = run(*words, code=1).stderr
    assert (
        "there is no column 'text'; it has 'subject', 'body'. Name one of these (--text" in refused
    )
    assert run(*words, "--text-column", "subject,body").stderr.startswith("with 2 categories")
    listed = run("labels", "list", "made", "--json").stdout.splitlines()
    assert [json.loads(line)["examples"][0]["text"] for line in listed] == [
        "one\ntwo",
        "three\nfour",
    ]


@pytest.mark.parametrize(
    ("options", "shown", "threshold"),
    [
        (["--threshold", "0.5"], "0.500 (given)", 0.5),
        (["--threshold", "none"], "none, always answers (given)", None),
        (["--no-unknown"], "none, always answers (given)", None),
        (["--threshold", "0.5", "--no-unknown"], "none, always answers (given)", None),
        (["--no-unknown", "--threshold", "0.5"], "none, always answers (given)", None),
    ],
)
def test_the_threshold_can_be_given(run, categories, options, shown, threshold):
    result = run("index", categories, "-o", "made", "--encoder", "hashing", *options)
    assert f"threshold: {shown}\n" in result.stdout
    assert Engine.load("made").decision.threshold == threshold


def test_names_can_be_left_out_and_columns_named(run):
    Path("c.tsv").write_text("class\tbody\nc1\tmoney back\nc2\tmy parcel\n")
    options = ["--label-column", "class", "--text-column", "body", "--no-names"]
    run("index", "c.tsv", "-o", "made", "--encoder", "hashing", *options)
    engine = Engine.load("made")
    assert not engine.info.use_names
    [found] = engine.classify(["my parcel"])
    assert (found.label, found.score) == ("c2", pytest.approx(1.0))


def test_uninformative_names_are_reported_and_the_index_is_made(run, categories):
    text = Path(categories).read_text()
    for i, category in enumerate(toy_categories(), start=1):
        text = text.replace(f"\n{category.name},", f"\nc{i},")
    Path("opaque.csv").write_text(text)
    made = run("index", "opaque.csv", "-o", "opaque", "--encoder", "hashing")
    assert made.stderr == OPAQUE_NAMES
    assert made.stdout.startswith("opaque: 5 categories, 5 examples\n")
    found = run("index", "opaque.csv", "-o", "opaque", "--encoder", "hashing", "--json")
    assert found.stderr == OPAQUE_NAMES
    assert json.loads(found.stdout)["name_weight"]["weight"] == 0.569
    nameless = ["index", "opaque.csv", "-o", "nameless", "--encoder", "hashing", "--no-names"]
    assert run(*nameless).stderr == ""
    assert run("index", categories, "-o", "made", "--encoder", "hashing").stderr == ""


@pytest.mark.parametrize(
    ("rows", "options", "text"),
    [
        ("a,one\nb,two\nc,three\n", ["--no-names"], "ignored"),
        ("a,one\nb,two\n", [], "count as 3.00 examples (from the number of categories)"),
        ("a,\nb,\nc,\nd,\ne,\n", [], "count as 2.60 examples (from the number of categories)"),
    ],
)
def test_info_says_what_a_name_is_worth(run, rows, options, text):
    Path("c.csv").write_text("label,text\n" + rows)
    run("index", "c.csv", "-o", "made", "--encoder", "hashing", *options)
    assert f"\nnames                {text}\n" in run("info", "made").stdout
    name_weight = json.loads(run("info", "made", "--json").stdout)["name_weight"]
    assert name_weight == (None if options else asdict(Engine.load("made").index.state.name_weight))


def test_info_of_an_index_from_before_names_were_weighed(run):
    shutil.copytree(GOLDEN, "old")
    assert "\nnames                count as one example\n" in run("info", "old").stdout
    found = json.loads(run("info", "old", "--json").stdout)
    assert (found["names"], found["name_weight"]) == (True, None)
    assert found["attention_share"] is None
    assert "\nkeys                 one vector per category\n" in run("info", "old").stdout


def test_keys_that_have_a_part_in_every_score_are_reported(run):
    lines = [f"{c.name},{e.text}\n" for c in two_topic_categories() for e in c.examples]
    Path("c.csv").write_text("label,text\n" + "".join(lines))
    words = ["index", "c.csv", "-o", "made", "--encoder", ENCODER]
    share = json.loads(run(*words, "--json").stdout)["attention_share"]
    assert share == Engine.load("made").index.state.attention_share > 0
    assert json.loads(run("info", "made", "--json").stdout)["attention_share"] == share
    shown = f"one vector per category, {100 * share:.1f} % of a score from all keys\n"
    assert f"\nkeys: {shown}threshold: " in run(*words).stdout
    assert f"\nkeys                 {shown}" in run("info", "made").stdout


def test_few_examples_are_no_news_when_an_index_is_made(run, categories):
    assert "keys" not in run("index", categories, "-o", "made", "--encoder", "hashing").stdout


@pytest.mark.parametrize("network", ["memory", "linear"])
def test_info_does_not_say_one_vector_where_a_network_reads_more(run, categories, network):
    run("index", categories, "-o", "made", "--encoder", "hashing", "--network", network)
    assert f"\nkeys                 scored by the {network} network\n" in run("info", "made").stdout
    assert json.loads(run("info", "made", "--json").stdout)["attention_share"] is None


def test_private_keeps_texts_out_of_the_folder(run, categories):
    run("index", categories, "-o", "made", "--encoder", "hashing", "--private")
    assert b"my parcel" not in b"".join(p.read_bytes() for p in Path("made").iterdir())
    assert json.loads(run("info", "made", "--json").stdout)["private"] is True


def test_private_warns_of_older_generations_until_they_are_purged(run, categories):
    made = ["index", categories, "-o", "made", "--encoder", "hashing"]
    run(*made)
    assert "older generations in this folder may still hold texts" in run(*made, "--private").stderr
    assert run(*made, "--private", "--purge").stderr == ""
    assert b"my parcel" not in b"".join(p.read_bytes() for p in Path("made").iterdir())


def test_info_says_what_the_index_holds(run, index):
    result = run("info", index)
    assert result.stdout.startswith(
        "index                index\n"
        "generation           1\n"
        "categories           5\n"
        "examples             5\n"
        "out of scope         0\n"
        "dim                  256\n"
        "names                count as 2.23 examples (measured on the examples)\n"
        "private              False\n"
        "encoder              hashing\n"
        "encoder fingerprint  hashing-v1-256\n"
        "network              matching\n"
        "decision             threshold 0.250 (given)\n"
        "keys                 one vector per category\n"
        "\n"
        "generation  created               categories  keys  state\n"
    )
    assert re.search(r"\n         1  20\S{17}Z           5    10  current\n$", result.stdout)


def test_info_as_json_has_all_of_it(run, index):
    run("labels", "remove", index, "late parcel")
    found = json.loads(run("info", index, "--json").stdout)
    assert (found["generation"], found["categories"]) == (2, 4)
    assert found["encoder"] == {"name": "hashing"}
    assert found["decision"]["threshold"] == 0.25
    assert found["names"] is True
    assert found["name_weight"] == asdict(Engine.load(index).index.state.name_weight)
    assert found["attention_share"] == 0
    assert [g["number"] for g in found["generations"]] == [2, 1]
    assert [g["current"] for g in found["generations"]] == [True, False]


def test_rollback_brings_the_one_before_back(run, index):
    before = run("labels", "list", index).stdout
    run("labels", "remove", index, "late parcel")
    assert run("labels", "list", index).stdout != before
    said = run("rollback", index).stdout
    assert said == "index: rolled back; generation 3 is the current one\n"
    assert run("labels", "list", index).stdout == before


def test_rollback_goes_to_the_generation_that_is_named(run, index):
    run("labels", "remove", index, "late parcel")
    run("labels", "remove", index, "login problem")
    run("rollback", index, "--to", "1")
    assert len(Engine.load(index).categories) == 5
    refused = run("rollback", index, "--to", "9", code=1)
    assert "cannot go back to generation 9; it can go --to 3, 2, 1" in refused.stderr
    assert run("rollback", index, "--to", "0", code=2).stdout == ""


def test_a_damaged_index_says_so_and_info_lists_what_can_be_brought_back(run, index):
    run("labels", "remove", index, "late parcel")
    Path(index, "index.json").write_text("{}")
    for command in (["classify", index, "money"], ["labels", "list", index], ["info", index]):
        result = run(*command, code=1)
        assert "index.json" in result.stderr
    assert "can be restored" in result.stdout
    assert "textshot rollback index" in result.stderr
    run("rollback", index)
    assert json.loads(run("classify", index, "money back", "--json").stdout)["label"]
