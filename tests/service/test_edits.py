"""Categories and corrections over HTTP: on disk, at once, once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest
from inside import ask

from textshot import Category, Engine
from textshot.encoders import HashingEncoder
from textshot.service.schemas import MAX_WRITTEN
from textshot.types import Example

NAMES = [
    "a/b",
    "/a",
    "a//b",
    "...",
    "a b",
    "a?b=c",
    "50%",
    "ä ö",
    "日本",
    "👩‍🚀",
    '"quoted"',
    "indexes/x/classify",
]


def at(name: str) -> str:
    return f"/v1/categories/{quote(name, safe='')}"


def write(folder: Path, body, **settings):
    return ask({"news": folder}, body, writable=True, **settings)


def test_a_category_that_is_added_answers_at_once_and_is_on_disk(folder: Path):
    async def body(client, service):
        before = await client.post("/v1/classify", json={"texts": ["the court decided"]})
        added = await client.post(
            "/v1/categories", json={"name": "law", "examples": ["the court decided"]}
        )
        after = await client.post("/v1/classify", json={"texts": ["the court decided"]})
        return before.json(), added, after.json()

    before, added, after = write(folder, body)
    assert before["predictions"][0]["label"] != "law"
    assert (added.status_code, added.json()["changed"]) == (201, True)
    assert (after["predictions"][0]["label"], after["index_generation"]) == ("law", 2)
    assert Engine.load(folder).index.labels == ("food", "law", "sport")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_put_read_and_deleted(folder: Path, name: str):
    async def body(client, service):
        put = await client.put(at(name), json={"examples": ["some text"]})
        got = await client.get(at(name))
        listed = await client.get("/v1/categories")
        gone = await client.delete(at(name))
        again = await client.delete(at(name))
        return put, got, listed, gone, again

    put, got, listed, gone, again = write(folder, body)
    assert (put.status_code, got.status_code, gone.status_code, again.status_code) == (
        201, 200, 200, 404,
    )  # fmt: skip
    assert got.json()["category"]["name"] == name
    assert name in [c["name"] for c in listed.json()["categories"]]
    assert again.json()["error"]["code"] == "unknown_category"


def test_the_same_put_twice_makes_one_generation(folder: Path):
    body_of = {
        "description": "games",
        "examples": ["the match", "a goal"],
        "metadata": {"team": "x"},
    }

    async def body(client, service):
        return [(await client.put(at("sport"), json=body_of)) for _ in range(2)]

    first, second = write(folder, body)
    assert (first.status_code, second.status_code) == (200, 200)
    assert [r.json()["changed"] for r in (first, second)] == [True, False]
    assert [r.json()["index_generation"] for r in (first, second)] == [2, 2]


def test_examples_are_put_as_texts_or_with_their_source_and_order(folder: Path):
    sent = ["a goal", {"text": "a foul"}, {"text": "a ball", "source": "correction", "written": 4}]

    async def body(client, service):
        put = await client.put(at("sport"), json={"examples": sent})
        got = (await client.get(at("sport"))).json()["category"]["examples"]
        again = await client.put(at("sport"), json={"examples": got})
        newer = [{**one, "written": 2 * one["written"]} for one in got]
        return put, got, again, await client.put(at("sport"), json={"examples": newer})

    put, got, again, newer = write(folder, body)
    assert put.status_code == 200, put.text
    assert got == [
        {"text": "a goal", "source": "example", "written": 0},
        {"text": "a foul", "source": "example", "written": 0},
        {"text": "a ball", "source": "correction", "written": 4},
    ]
    assert [r.json()["changed"] for r in (put, again, newer)] == [True, False, True]
    result = Engine.load(folder).index.state.entry("sport").category.examples
    assert result[2] == Example("a ball", "correction", 8)


def test_a_correction_counts_after_whatever_order_was_put(folder: Path):
    last = {"text": "a ball", "source": "correction", "written": MAX_WRITTEN}

    async def body(client, service):
        put = await client.put(at("sport"), json={"examples": [last]})
        request = {"corrections": [{"text": "a ball", "label": "food"}]}
        return put, await client.post("/v1/corrections", json=request)

    put, corrected = write(folder, body)
    assert put.status_code == 200, put.text
    assert corrected.json()["predictions"][0]["label"] == "food"


def test_adding_an_existing_category_is_a_conflict(folder: Path):
    async def body(client, service):
        return await client.post("/v1/categories", json={"name": "sport", "examples": ["x"]})

    answer = write(folder, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "category_exists")
    assert "Use PUT to replace it" in answer.json()["error"]["message"]


def test_a_stale_generation_is_refused_and_the_current_one_taken(folder: Path):
    async def body(client, service):
        url = at("law")
        first = await client.put(url, params={"generation": 1}, json={"examples": ["a"]})
        stale = await client.put(url, params={"generation": 1}, json={"examples": ["b"]})
        third = await client.delete(url, params={"generation": 2})
        return first, stale, third

    first, stale, third = write(folder, body)
    assert [a.status_code for a in (first, stale, third)] == [201, 409, 200]
    assert stale.json()["error"]["code"] == "stale_generation"
    assert "generation 2" in stale.json()["error"]["message"]


def test_a_correction_counts_from_the_next_answer_and_is_learned_once(folder: Path):
    request = {"corrections": [{"text": "the ball is round", "label": "food"}]}

    async def body(client, service):
        first = await client.post("/v1/corrections", json=request)
        second = await client.post("/v1/corrections", json=request)
        answer = await client.post("/v1/classify", json={"texts": ["the ball is round"]})
        return first.json(), second.json(), answer.json()

    first, second, answer = write(folder, body)
    assert (first["changed"], second["changed"]) == (True, False)
    assert (first["index_generation"], second["index_generation"]) == (2, 2)
    assert first["predictions"][0]["label"] == "food"
    assert answer["predictions"][0]["label"] == "food"
    assert answer["predictions"][0]["matches"][0]["key"]["source"] == "correction"
    [food] = [c for c in Engine.load(folder).categories if c.name == "food"]
    assert [e.text for e in food.examples] == ["bread and soup", "the ball is round"]


def test_the_newest_correction_of_a_text_counts_and_can_be_repeated(folder: Path):
    async def body(client, service):
        result = []
        for label in ("food", "sport", "food", None, "sport"):
            request = {"corrections": [{"text": "the ball is round", "label": label}]}
            answer = (await client.post("/v1/corrections", json=request)).json()
            result.append((answer["changed"], answer["predictions"][0]["label"]))
        return result

    assert write(folder, body) == [
        (True, "food"), (True, "sport"), (True, "food"), (True, None), (True, "sport"),
    ]  # fmt: skip


def test_corrections_of_one_request_are_one_change_or_none(folder: Path):
    async def body(client, service):
        request = {"corrections": [{"text": "a", "label": "food"}, {"text": "b", "label": "foood"}]}
        return await client.post("/v1/corrections", json=request)

    answer = write(folder, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_category")
    assert Engine.load(folder).index.generation == 1


def test_many_writers_at_once_lose_nothing(folder: Path):
    async def body(client, service):
        puts = (client.put(at(f"n{i}"), json={"examples": [f"text {i}"]}) for i in range(12))
        return await asyncio.gather(*puts)

    answers = write(folder, body)
    assert [a.status_code for a in answers] == [201] * 12
    assert sorted(a.json()["index_generation"] for a in answers) == list(range(2, 14))
    assert len(Engine.load(folder).index) == 14


def test_a_generation_of_another_process_is_loaded(folder: Path):
    async def body(client, service):
        other = Engine.load(folder)
        other.add([Category("law", examples=["the court decided"])])
        other.save(folder)
        async with asyncio.timeout(60):
            while True:
                answer = await client.post("/v1/classify", json={"texts": ["the court decided"]})
                if answer.json()["index_generation"] == 2:
                    return answer.json()
                await asyncio.sleep(0.02)

    answer = ask({"news": folder}, body, poll=0.02)
    assert answer["predictions"][0]["label"] == "law"


def test_a_service_that_is_not_writable_changes_nothing(folder: Path):
    async def body(client, service):
        return [
            await client.post("/v1/categories", json={"name": "law", "examples": ["a"]}),
            await client.put(at("law"), json={"examples": ["a"]}),
            await client.delete(at("food")),
            await client.post(
                "/v1/corrections", json={"corrections": [{"text": "a", "label": None}]}
            ),
        ]

    for answer in ask({"news": folder}, body):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "read_only")
    assert Engine.load(folder).index.generation == 1


def test_categories_are_listed_in_parts(folder: Path):
    async def body(client, service):
        return [
            (await client.get("/v1/categories", params=p)).json()
            for p in ({}, {"offset": 1}, {"limit": 1}, {"offset": 9})
        ]

    result = ask({"news": folder}, body)
    assert [[c["name"] for c in f["categories"]] for f in result] == [
        ["food", "sport"], ["sport"], ["food"], [],
    ]  # fmt: skip
    assert {f["total"] for f in result} == {2}


def test_a_private_index_shows_no_text_and_takes_new_ones(tmp_path: Path):
    engine = Engine.build(
        [Category("food", examples=["bread"])], encoder=HashingEncoder(), private=True
    )
    engine.save(tmp_path / "p")

    async def body(client, service):
        await client.post("/v1/categories", json={"name": "law", "examples": ["the court"]})
        return (await client.get("/v1/categories")).json(), (
            await client.post("/v1/classify", json={"texts": ["the court"]})
        ).json()

    listed, answer = ask({"p": tmp_path / "p"}, body, writable=True)
    assert [c["examples"] for c in listed["categories"]] == [
        [{"text": None, "source": "example", "written": 0}]
    ] * 2
    match = answer["predictions"][0]["matches"][0]
    assert (match["label"], match["key"]["text"]) == ("law", None)


def test_a_similar_name_is_refused_and_finds_the_category_that_is_meant(folder: Path):
    async def body(client, service):
        refused = [
            await client.post("/v1/categories", json={"name": "Food "}),
            await client.put(at("FOOD"), json={}),
        ]
        read = await client.get(at("FOOD"))
        correction = {"text": "who won the cup", "label": "SPORT"}
        corrected = await client.post("/v1/corrections", json={"corrections": [correction]})
        added = await client.post("/v1/categories", json={"name": "Food", "allow_similar": True})
        return refused, read, corrected, added

    refused, read, corrected, added = write(folder, body)
    assert {(r.status_code, r.json()["error"]["code"]) for r in refused} == {
        (409, "similar_category")
    }
    assert read.json()["category"]["name"] == "food"
    assert corrected.json()["predictions"][0]["label"] == "sport"
    assert added.status_code == 201
    assert Engine.load(folder).index.labels == ("Food", "food", "sport")
