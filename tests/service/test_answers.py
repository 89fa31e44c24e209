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


def same(data: dict, prediction) -> bool:
    return (data["label"], data["threshold"]) == (
        prediction.label,
        prediction.threshold,
    ) and [(m["label"], m["score"], m["key"]["text"]) for m in data["matches"]] == [
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

    result = ask({"news": folder}, body)
    expected = Engine.load(folder).classify(TEXTS, 2, threshold=threshold)
    assert all(same(*pair) for pair in zip(result["predictions"], expected, strict=True))
    assert (result["index"], result["index_generation"]) == ("news", 1)
    assert result["encoder_fingerprint"] == HashingEncoder().fingerprint


def test_many_callers_at_once_get_what_each_would_get_alone(folder: Path):
    expected = Engine.load(folder).classify(TEXTS)

    async def body(client, service):
        return await asyncio.gather(*(classify(client, [text]) for text in TEXTS))

    result = ask({"news": folder}, body)
    pairs = zip((f["predictions"][0] for f in result), expected, strict=True)
    assert all(same(*pair) for pair in pairs)


def test_callers_with_different_options_share_a_batch(folder: Path):
    engine = Engine.load(folder)

    async def body(client, service):
        return await asyncio.gather(
            classify(client, TEXTS[:3], k=1),
            classify(client, TEXTS[:3], k=3, threshold=None),
            classify(client, TEXTS[2:5], threshold=0.9),
        )

    one, three, high = ask({"news": folder}, body, max_wait=0.05)
    for result, expected in (
        (one, engine.classify(TEXTS[:3], 1)),
        (three, engine.classify(TEXTS[:3], 3, threshold=None)),
        (high, engine.classify(TEXTS[2:5], threshold=0.9)),
    ):
        assert all(same(*pair) for pair in zip(result["predictions"], expected, strict=True))


def test_why_a_text_is_unknown(folder: Path):
    engine = Engine.load(folder)
    engine.add_out_of_scope(["weather report"])
    engine.save(folder)

    async def body(client, service):
        texts = ["", " \n", "zzz qqq", "weather report", "bread and soup"]
        return await classify(client, texts)

    result = ask({"news": folder}, body)["predictions"]
    assert [p["unknown_because"] for p in result][:3] == ["empty", "empty", "below_threshold"]
    assert result[3]["label"] is None
    assert (result[4]["label"], result[4]["unknown_because"]) == ("food", None)


def test_a_text_near_an_out_of_scope_example_says_so(folder: Path):
    engine = Engine.load(folder)
    engine.add_out_of_scope(["bread and soup"])
    engine.save(folder)

    async def body(client, service):
        return await classify(client, ["bread and soup"])

    [result] = ask({"news": folder}, body)["predictions"]
    assert result["score"] >= result["threshold"]
    assert (result["label"], result["unknown_because"]) == (None, "near_nothing")


def test_with_an_empty_index_every_text_is_unknown(tmp_path: Path):
    Engine.build([], encoder=HashingEncoder()).save(tmp_path / "empty")

    async def body(client, service):
        return await classify(client, ["bread", ""])

    result = ask({"empty": tmp_path / "empty"}, body)["predictions"]
    assert [p["unknown_because"] for p in result] == ["no_categories"] * 2
    assert all(p["matches"] == [] for p in result)


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

    [result] = ask({"news": folder}, body)["predictions"]
    assert same(result, Engine.load(folder).classify(["bread\x00and soup"])[0])


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


def test_classify_is_described_for_programs(folder: Path):
    async def body(client, service):
        return (await client.get("/openapi.json")).json()["paths"]

    paths = ask({"news": folder}, body)
    for path in ("/v1/classify", "/v1/indexes/{index}/classify"):
        assert list(paths[path]) == ["post"]
        schemas = [
            paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"],
            paths[path]["post"]["responses"]["200"]["content"]["application/json"]["schema"],
        ]
        assert [schema["$ref"].rpartition("/")[2] for schema in schemas] == [
            "Classify",
            "Predictions",
        ]
