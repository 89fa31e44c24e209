"""textshot import: a file of another tool, and from then on as any other."""

import json
from pathlib import Path


def test_from_a_route_file_to_an_answer(run):
    routes = [{"name": "refund", "utterances": ["money back"]}, {"name": "parcel"}]
    Path("router.json").write_text(json.dumps({"routes": routes}))
    told = run("import", "semantic-router", "router.json", "-o", "categories.csv")
    assert (told.stdout, told.stderr) == ("", "2 categories, 1 example\n")
    run("index", "categories.csv", "-o", "made", "--encoder", "hashing")
    assert run("classify", "made", "my money back", "--no-unknown").stdout.split()[4] == "refund"


def test_to_stdout(run):
    Path("data.json").write_text('{"refund": ["money, back"], "parcel": []}')
    assert run("import", "classy", "data.json", "-o", "-").stdout == (
        'label,text,description\nrefund,"money, back",\nparcel,,\n'
    )


def test_numbers_for_names_and_bad_rows_are_warned_of(run):
    Path("train.csv").write_text("text,label\nmoney back,0\n,1\n")
    told = run("import", "setfit", "train.csv", "-o", "categories.csv").stderr
    assert "warning: train.csv:3: the text is empty; skipped\n" in told
    assert "warning: the names are numbers, which say nothing. Name them: --names" in told


def test_a_file_that_is_something_else_is_reported_without_a_traceback(run):
    Path("data.json").write_text("[")
    assert run("import", "classy", "data.json", "-o", "c.csv", code=1).stderr.startswith(
        "Error: data.json: is no .json file"
    )
    assert not Path("c.csv").exists()


def test_the_file_that_is_imported_is_not_replaced(run):
    Path("train.csv").write_text("text,label\na,b\n")
    told = run("import", "setfit", "train.csv", "-o", "TRAIN.csv", code=1).stderr
    assert "TRAIN.csv is the input, which would be replaced" in told
