"""textshot distill: what it says, and what it refuses."""

import json

import pytest


@pytest.fixture
def distilled(monkeypatch):
    calls = []

    def distill(encoder, output, *, dims, texts, on_message):
        calls.append((encoder.name, str(output), dims, sorted(texts)))
        on_message("encoding each token")
        return 29525, dims or 256

    monkeypatch.setattr("textshot.encoders.distill.distill", distill)
    return calls


def test_it_says_how_the_result_is_used(run, distilled):
    result = run("distill", "-o", "my static")
    assert result.stdout == (
        "my static: 29,525 tokens, 256 dimensions\n"
        "Use it: textshot index CATEGORIES --encoder 'my static'\n"
    )
    assert distilled == [("all-MiniLM-L6-v2", "my static", None, [])]


def test_json_for_a_program(run, distilled):
    result = run("distill", "-o", "made", "--dims", "64", "--json")
    assert json.loads(result.stdout) == {"output": "made", "tokens": 29525, "dims": 64}


def test_an_encoder_without_tokens_is_refused(run):
    result = run("distill", "-o", "made", "--encoder", "hashing", code=1)
    assert "the encoder 'hashing' cannot be distilled" in result.stderr


def test_a_folder_that_is_there_is_left_alone(run, tmp_path):
    result = run("distill", "-o", str(tmp_path), code=1)
    assert "exists already. Name another folder, or delete it" in result.stderr
    assert "Traceback" not in result.output


def test_without_a_folder_to_write_it_is_wrong_usage(run):
    assert "Missing option '-o'" in run("distill", code=2).stderr


def test_texts_are_read_from_a_table_each_once(run, distilled, tmp_path):
    (tmp_path / "inbox.csv").write_text("id,text\n1,my card\n2,my parcel\n3,my card\n")
    run("distill", "-o", "made", "--texts", str(tmp_path / "inbox.csv"))
    assert distilled == [("all-MiniLM-L6-v2", "made", None, ["my card", "my parcel"])]


def test_a_table_without_a_text_is_refused(run, distilled, tmp_path):
    (tmp_path / "inbox.csv").write_text("id,text\n")
    result = run("distill", "-o", "made", "--texts", str(tmp_path / "inbox.csv"), code=1)
    assert "inbox.csv has no text to fit the encoder to" in result.stderr
    assert distilled == []
