"""Answers over HTTP are those of the library, whoever shares the batch."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from inside import ask

from textshot import Category, Engine
from textshot.encoders import HashingEncoder

CATEGORIES = [
    Category("sport", examples=["the match was won in the last minute"]),
    Category("food", examples=["bread and soup"]),
    Category("law", examples=["the court has decided"]),
]
TEXTS = [
    f"the {word} number {i}" for i, word in enumerate(["match", "soup", "court", "train"] * 15)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Engine.build(CATEGORIES, encoder=HashingEncoder()).save(tmp_path / "news")
    return tmp_path / "news"


def same(shown: dict, prediction) -> bool:
    return (shown["label"], shown["threshold"]) == (
        prediction.label,
        prediction.threshold,
    ) and [(m["label"], m["score"], m["key"]["text"]) for m in shown["matches"]] == [
        (m.label, m.score, m.key.text) for m in prediction.matches
    ]


async def classify(client, texts, **more):
    answer = await client.post("/v1/classify", json={"texts": texts, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("threshold", ["auto", None, 0.3, -1, 1])
def test_the_answers_are_the_librarys_in_their_order(folder: Path, threshold):
    async def body(client, service):
        return await classify(client, TEXTS, k=2, threshold=threshold)

    found = ask({"news": folder}, body)
    expected = Engine.load(folder).classify(TEXTS, 2, threshold=threshold)
    assert all(same(*pair) for pair in zip(found["predictions"], expected, strict=True))
    assert (found["index"], found["index_generation"]) == ("news", 1)
    assert found["encoder_fingerprint"] == HashingEncoder().fingerprint


def test_many_callers_at_once_get_what_each_would_get_alone(folder: Path):
    expected = Engine.load(folder).classify(TEXTS)

    async def body(client, service):
        return await asyncio.gather(*(classify(client, [text]) for text in TEXTS))

    found = ask({"news": folder}, body)
    pairs = zip((f["predictions"][0] for f in found), expected, strict=True)
    assert all(same(*pair) for pair in pairs)


def test_callers_with_other_wishes_share_a_batch(folder: Path):
    engine = Engine.load(folder)

    async def body(client, service):
        return await asyncio.gather(
            classify(client, TEXTS[:3], k=1),
            classify(client, TEXTS[:3], k=3, threshold=None),
            classify(client, TEXTS[2:5], threshold=0.9),
        )

    one, three, high = ask({"news": folder}, body, max_wait=0.05)
    for found, expected in (
        (one, engine.classify(TEXTS[:3], 1)),
        (three, engine.classify(TEXTS[:3], 3, threshold=None)),
        (high, engine.classify(TEXTS[2:5], threshold=0.9)),
    ):
        assert all(same(*pair) for pair in zip(found["predictions"], expected, strict=True))


def test_why_a_text_is_unknown(folder: Path):
    engine = Engine.load(folder)
    engine.add_out_of_scope(["weather report"])
    engine.save(folder)

    async def body(client, service):
        texts = ["", " \n", "zzz qqq", "weather report", "bread and soup"]
        return await classify(client, texts)

    found = ask({"news": folder}, body)["predictions"]
    assert [p["unknown_because"] for p in found][:3] == ["empty", "empty", "below_threshold"]
    assert found[3]["label"] is None
    assert (found[4]["label"], found[4]["unknown_because"]) == ("food", None)


def test_nearer_to_a_text_that_fits_nothing_is_told_as_such(folder: Path):
    engine = Engine.load(folder)
    engine.add_out_of_scope(["bread and soup"])
    engine.save(folder)

    async def body(client, service):
        return await classify(client, ["bread and soup"])

    [found] = ask({"news": folder}, body)["predictions"]
    assert found["score"] >= found["threshold"]
    assert (found["label"], found["unknown_because"]) == (None, "near_nothing")


def test_an_index_without_categories_knows_nothing(tmp_path: Path):
    Engine.build([], encoder=HashingEncoder()).save(tmp_path / "empty")

    async def body(client, service):
        return await classify(client, ["bread", ""])

    found = ask({"empty": tmp_path / "empty"}, body)["predictions"]
    assert [p["unknown_because"] for p in found] == ["no_categories"] * 2
    assert all(p["matches"] == [] for p in found)


def test_several_indexes_each_answer_by_their_name(folder: Path, tmp_path: Path):
    Engine.build([Category("bird", examples=["it flies"])], encoder=HashingEncoder()).save(
        tmp_path / "b"
    )

    async def body(client, service):
        first = await classify(client, TEXTS[:1])
        other = await client.post("/v1/indexes/birds/classify", json={"texts": ["it flies"]})
        return first, other.json()

    first, other = ask({"news": folder, "birds": tmp_path / "b"}, body)
    assert first["index"] == "news"
    assert (other["index"], other["predictions"][0]["label"]) == ("birds", "bird")


def test_a_text_that_no_tokenizer_reads_is_cleaned_as_the_library_does(folder: Path):
    async def body(client, service):
        return await classify(client, ["bread\x00and soup"])

    [found] = ask({"news": folder}, body)["predictions"]
    assert same(found, Engine.load(folder).classify(["bread\x00and soup"])[0])


def test_one_text_that_breaks_the_encoder_breaks_no_other_request(folder: Path, monkeypatch):
    encode = HashingEncoder.encode

    def breaking(self, texts, *, batch_size=32):
        if "poison" in texts:
            raise RuntimeError("no")
        return encode(self, texts, batch_size=batch_size)

    async def body(client, service):
        monkeypatch.setattr(HashingEncoder, "encode", breaking)
        bad = client.post("/v1/classify", json={"texts": ["poison"]})
        return await asyncio.gather(bad, *(classify(client, [text]) for text in TEXTS[:5]))

    bad, *good = ask({"news": folder}, body, max_wait=0.05)
    assert bad.status_code == 500
    assert bad.json()["error"]["code"] == "internal"
    expected = Engine.load(folder).classify(TEXTS[:5])
    assert all(same(g["predictions"][0], e) for g, e in zip(good, expected, strict=True))
